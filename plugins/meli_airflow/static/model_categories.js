// The recall of every category of a model, the lowest first; searchable, sortable, in steps.
import { h, UI, useAddress, useState } from "./airflow.js";
import { count, formatDecimal, formatInterval, formatNumber } from "./format.js";
import { IntervalBar } from "./model_interval.js";
import { EmptyState, Muted, Section } from "./parts.js";
import { nextOrder, sortRows } from "./sorting.js";
import { OnPhone, table } from "./table.js";

/** @typedef {import("../types/responses").CategoryFigures} CategoryFigures */
/** @typedef {import("../types/responses").Model} ModelResponse */
/** @typedef {import("./sorting.js").Order} Order */

const { Box, Button, Flex, Input } = UI;
const FIRST = 10;
const STEP = 100;
/** @type {Order} */
const WORST_FIRST = ["", "down"]; // the server's: the lowest recall first, those with few titles last

/**
 * A long name that may break after its underscores.
 * @param {{name: string}} props
 */
export const CategoryName = ({ name }) =>
  h("span", null, ...name.split(/(?<=_)/).map((part, position) => [part, h("wbr", { key: position })]));

/** @param {CategoryFigures} row */
const emphasis = ({ few }) => (few ? { color: "fg.muted" } : { fontWeight: "semibold" });

/** @param {CategoryFigures} row */
const interval = ({ interval: found }) => (found ? formatInterval(found, 3) : "–");

/**
 * @param {(category: string) => void} onConfusions
 * @returns {import("./table.js").Column<CategoryFigures>[]}
 */
const columns = (onConfusions) => [
  {
    key: "category",
    title: "Category",
    sort: (row) => row.category,
    cell: (row) =>
      h(
        Button,
        {
          variant: "plain",
          size: "sm",
          px: 0,
          minH: "24px",
          h: "auto",
          textAlign: "start",
          whiteSpace: "normal",
          color: "fg.info",
          fontWeight: "normal",
          title: `Show what ${row.category} is confused with`,
          onClick: () => onConfusions(row.category),
        },
        h(CategoryName, { name: row.category }),
      ),
  },
  {
    key: "recall",
    title: "Recall",
    numeric: true,
    sort: (row) => row.recall,
    cell: (row) => [
      h(Box, { key: "recall", as: "span", ...emphasis(row) }, formatDecimal(row.recall, 3)),
      h(OnPhone, { key: "interval" }, interval(row)),
    ],
  },
  { key: "interval", title: "95 % interval", numeric: true, wide: true, cell: interval },
  {
    key: "bar",
    title: "",
    wide: true,
    cell: (row) => h(IntervalBar, { value: row.recall, interval: row.interval, low: 0, grey: row.few }),
  },
  {
    key: "titles",
    title: "Test titles",
    numeric: true,
    sort: (row) => row.titles,
    cell: (row) => formatNumber(row.titles),
  },
  {
    key: "predicted",
    title: "Put there by the model",
    numeric: true,
    wide: true,
    sort: (row) => row.predicted,
    cell: (row) => formatNumber(row.predicted) || "–",
  },
];

/** @param {{data: ModelResponse}} props */
export function CategoryRecalls({ data: { categories, figure } }) {
  const [, set] = useAddress();
  const [order, setOrder] = useState(WORST_FIRST);
  const [text, setText] = useState("");
  const [limit, setLimit] = useState(FIRST);
  if (!figure) return null;
  const frame = (/** @type {import("react").ReactNode[]} */ ...children) =>
    h(Section, { title: "Categories", beside: h(Muted, null, count(categories.length, "category")) }, ...children);
  if (categories.length === 0) {
    return frame(h(EmptyState, { title: "No categories" }, "The recall of each category is not stored."));
  }
  const matching = categories.filter((row) => row.category.toLowerCase().includes(text.trim().toLowerCase()));
  const all = columns((category) => set({ category }));
  return frame(
    h(
      Flex,
      { gap: 3, align: "center", wrap: "wrap", mb: 2 },
      h(Input, {
        type: "search",
        size: "sm",
        w: { base: "100%", sm: "260px" },
        placeholder: "Category",
        "aria-label": "Find categories",
        value: text,
        onChange: (/** @type {{target: {value: string}}} */ event) => setText(event.target.value),
      }),
      h(Muted, { "aria-live": "polite" }, text.trim() ? `${count(matching.length, "category")} found` : ""),
    ),
    table({
      label: "Categories",
      columns: all,
      rows: sortRows(matching, all, order).slice(0, limit),
      rowKey: (row) => row.category,
      order,
      onSort: (key) => setOrder(nextOrder(order, key)),
    }),
    h(
      Flex,
      { gap: 3, mt: 3, align: "center", wrap: "wrap" },
      matching.length > limit
        ? h(
            Button,
            { size: "sm", variant: "outline", onClick: () => setLimit(limit + STEP) },
            `Show ${formatNumber(Math.min(STEP, matching.length - limit))} more of ${formatNumber(matching.length)}`,
          )
        : null,
      h(
        Muted,
        null,
        "The lowest recall first; last and in grey those with fewer than 5 test titles, whose recall says little. " +
          "Bars reach from 0 to 1. Press a category to see what it is confused with.",
      ),
    ),
  );
}
