// A date that is part of the address.
import { h, UI, useAddress } from "./airflow.js";

/** @typedef {{target: {value: string}}} ChangeEvent */

const { Flex, Input } = UI;

/**
 * A labelled field; `name` is that of the date in the address.
 * @param {{name: string, label: string}} props
 */
export function DateField({ name, label }) {
  const [params, set] = useAddress();
  return h(
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
}
