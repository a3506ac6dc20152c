// The filters of the leaderboard. They are part of the address, so that what they find can be linked to.
import { h, UI, useAddress, useEffect, useState } from "./airflow.js";
import { DateField } from "./date_field.js";

/** @typedef {{target: {value: string}}} ChangeEvent */

const { Button, Flex, Input, NativeSelect } = UI;
const TYPING_MILLISECONDS = 300;
/** Their names in the address, and in the request. */
export const FILTERS = ["text", "set", "kind", "since", "until"];
const KINDS = [
  ["", "All kinds"],
  ["mlp", "MLP"],
  ["cnn", "CNN"],
  ["ensemble", "Ensembles"],
  ["champion", "Champions"],
];

/** @param {{sets: string[]}} props */
export function Filters({ sets }) {
  const [params, set] = useAddress();
  const [text, setText] = useState(params.get("text") ?? "");
  // biome-ignore lint/correctness/useExhaustiveDependencies: only typing changes the address, not the other way round
  useEffect(() => {
    const timer = setTimeout(() => {
      if (text !== (params.get("text") ?? "")) set({ text }, true);
    }, TYPING_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [text]);
  const clear = () => {
    setText("");
    set(Object.fromEntries(FILTERS.map((name) => [name, ""])), true);
  };
  return h(
    Flex,
    { as: "search", gap: 3, wrap: "wrap", mb: 3, align: "center" },
    h(Input, {
      size: "sm",
      w: { base: "100%", sm: "260px" },
      placeholder: "Run, source or set",
      "aria-label": "Filter by run, source or set",
      value: text,
      onChange: (/** @type {ChangeEvent} */ event) => setText(event.target.value),
    }),
    h(
      NativeSelect.Root,
      { size: "sm", w: "200px" },
      h(
        NativeSelect.Field,
        {
          "aria-label": "Set",
          value: params.get("set") ?? "",
          onChange: (/** @type {ChangeEvent} */ event) => set({ set: event.target.value }, true),
        },
        h("option", { value: "" }, "All sets"),
        sets.map((name) => h("option", { key: name, value: name }, name)),
      ),
      h(NativeSelect.Indicator),
    ),
    h(
      NativeSelect.Root,
      { size: "sm", w: "170px" },
      h(
        NativeSelect.Field,
        {
          "aria-label": "Kind of model",
          value: params.get("kind") ?? "",
          onChange: (/** @type {ChangeEvent} */ event) => set({ kind: event.target.value }, true),
        },
        KINDS.map(([value, label]) => h("option", { key: value, value }, label)),
      ),
      h(NativeSelect.Indicator),
    ),
    h(DateField, { name: "since", label: "Data from" }),
    h(DateField, { name: "until", label: "to" }),
    FILTERS.some((name) => params.get(name))
      ? h(Button, { size: "sm", variant: "ghost", onClick: clear }, "Clear")
      : null,
  );
}
