// The page Models: the champion, the leaderboard of all runs and sets, two models side by side, the promotion history.
import { h, Router, UI, useAddress, useEffect, useState } from "./airflow.js";
import { Artifact } from "./artifact.js";
import { Champion } from "./champion.js";
import { Comparison } from "./comparison.js";
import { Decisions } from "./decisions.js";
import { count, formatNumber } from "./format.js";
import { ALL_COLUMNS, Leaderboard } from "./leaderboard.js";
import { AppLink, EmptyState, LoadError, Loading, Muted, Page, Section } from "./parts.js";
import { useServer } from "./server.js";
import { nextOrder, parseOrder } from "./sorting.js";

/** @typedef {import("../types/responses").Models} ModelsResponse */
/** @typedef {import("../types/responses").RunCounts} RunCounts */
/** @typedef {import("./sorting.js").Order} Order */
/** @typedef {{target: {value: string}}} ChangeEvent */

const { Box, Button, Flex, Input, NativeSelect } = UI;
const SECONDS = 30;
const PAGE = 100;
const TYPING_MILLISECONDS = 300;
const FILTERS = ["text", "set", "since", "until"];
/** @type {Order} */
const NEWEST_FIRST = ["at", "down"];

export function Models() {
  const [params] = useAddress();
  const [left, right, artifact] = [params.get("left"), params.get("right"), params.get("artifact")];
  if (artifact) return h(Artifact, { name: artifact });
  return left && right ? h(Comparison, { left, right }) : h(Overview);
}

function Overview() {
  const [params] = useAddress();
  const query = new URLSearchParams({ limit: params.get("limit") ?? String(PAGE) });
  for (const name of FILTERS) {
    const value = params.get(name);
    if (value) query.set(name, value);
  }
  /** @type {import("./server.js").Loaded<ModelsResponse>} */
  const { data, error, loading, reload } = useServer(`models?${query}`, () => SECONDS);
  if (data === undefined) {
    return h(Page, { title: "Models" }, error ? h(LoadError, { error, reload }) : h(Loading, { lines: 8 }));
  }
  const linked = new Set(data.in_airflow);
  return h(
    Page,
    { title: "Models" },
    error ? h(LoadError, { error, reload }) : null,
    h(Champion, { champion: data.champion, linked, runs: data.runs.all }),
    h(
      Section,
      { title: "Leaderboard", beside: h(Muted, { "aria-live": "polite" }, loading ? "Loading…" : runsText(data.runs)) },
      h(Filters, { sets: data.sets }),
      data.rows.length ? h(Selectable, { data, linked }) : h(NoRows, { runs: data.runs }),
      h(ShowMore, { runs: data.runs, loading }),
    ),
    h(Decisions),
  );
}

/**
 * How many runs there are, match the filters, and are displayed.
 * @param {RunCounts} runs
 */
function runsText({ all, matching, shown }) {
  const total = matching === all ? count(all, "run") : `${formatNumber(matching)} matching of ${count(all, "run")}`;
  return shown < matching ? `newest ${formatNumber(shown)} of ${total}` : total;
}

/** @param {{runs: RunCounts, loading: boolean}} props */
function ShowMore({ runs, loading }) {
  const [, set] = useAddress();
  if (runs.matching <= runs.shown || runs.shown >= runs.most) return null;
  const onClick = () => set({ limit: Math.min(runs.most, runs.shown + PAGE) }, true);
  return h(
    Button,
    { mt: 3, size: "sm", variant: "outline", loading, onClick },
    `Show ${count(Math.min(PAGE, runs.matching - runs.shown), "older run")}`,
  );
}

/** @param {{sets: string[]}} props */
function Filters({ sets }) {
  const [params, set] = useAddress();
  const [text, setText] = useState(params.get("text") ?? "");
  // biome-ignore lint/correctness/useExhaustiveDependencies: only typing changes the address, not the other way round
  useEffect(() => {
    const timer = setTimeout(() => {
      if (text !== (params.get("text") ?? "")) set({ text }, true);
    }, TYPING_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [text]);
  /** @param {string} name @param {string} label */
  const dateField = (name, label) =>
    h(
      Flex,
      { as: "label", align: "center", gap: 2, fontSize: "sm", color: "fg.muted" },
      label,
      h(Input, {
        type: "date",
        size: "sm",
        w: "150px",
        value: params.get(name) ?? "",
        onChange: (/** @type {ChangeEvent} */ event) => set({ [name]: event.target.value }, true),
      }),
    );
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
    dateField("since", "Data from"),
    dateField("until", "to"),
    FILTERS.some((name) => params.get(name))
      ? h(Button, { size: "sm", variant: "ghost", onClick: clear }, "Clear")
      : null,
  );
}

/** @param {{runs: RunCounts}} props */
const NoRows = ({ runs }) =>
  runs.all === 0
    ? h(
        EmptyState,
        { title: "No run yet" },
        "Trigger ",
        h(AppLink, { to: "/dags/meli_training" }, "meli_training"),
        ": its models appear here once the run has a plan.",
      )
    : h(EmptyState, { title: "No run matches" }, "Change or clear the filters above.");

/**
 * What the selection is, and what to do next.
 * @param {string[]} selected ids of models: run, plan and set
 */
function selectionText([first, second]) {
  const name = (/** @type {string} */ id) => id.split("/").slice(2).join("/");
  if (!first) return "Select two models to compare.";
  return second ? `${name(first)} with ${name(second)}` : `${name(first)} with … select one more`;
}

/**
 * The leaderboard, with a checkbox for each model: two of them can be compared.
 * @param {{data: ModelsResponse, linked: Set<string>}} props
 */
function Selectable({ data, linked }) {
  const [params, set] = useAddress();
  const navigate = Router.useNavigate();
  const order = parseOrder(params.get("sort"), NEWEST_FIRST);
  const [selected, setSelected] = useState(params.getAll("left").concat(params.getAll("right")));
  const onSort = (/** @type {string} */ key) => set({ sort: nextOrder(order, key).join(".") }, true);
  const onSelect = (/** @type {string} */ id) =>
    setSelected((before) => (before.includes(id) ? before.filter((one) => one !== id) : [...before, id].slice(-2)));
  const [left = "", right = ""] = selected;
  const complete = selected.length === 2;
  return h(
    Box,
    null,
    h(
      Flex,
      { align: "center", gap: 3, mb: 2, minH: "32px", wrap: "wrap" },
      h(
        Button,
        {
          size: "sm",
          disabled: !complete,
          onClick: () => navigate({ search: `?${new URLSearchParams({ left, right })}` }),
          variant: complete ? "solid" : "outline",
        },
        "Compare",
      ),
      h(Muted, { "aria-live": "polite" }, selectionText(selected)),
    ),
    h(Leaderboard, { rows: data.rows, linked, order, onSort, selected, onSelect, columns: ALL_COLUMNS }),
  );
}
