// The recall of each category with the compared models, and which of the changes are more than chance.
import { h, UI, useState } from "./airflow.js";
import { colourOf, VERDICTS } from "./differences.js";
import { count, formatDecimal, formatNumber, formatSigned } from "./format.js";
import { Muted, Section } from "./parts.js";
import { OnPhone, table } from "./table.js";

/** @typedef {import("../types/responses").CategoryChange} CategoryChange */
/** @typedef {import("../types/responses").CategoryRow} CategoryRow */
/** @typedef {import("../types/responses").Comparison} Comparison */
/** @typedef {{data: Comparison, names: readonly string[]}} Props `names` are the models', in their order */

const { Box, Button, Flex, Input } = UI;
const TOP = 20;

/**
 * A long name that may break after its underscores.
 * @param {{name: string}} props
 */
const Breakable = ({ name }) =>
  h("span", null, ...name.split(/(?<=_)/).map((part, position) => [part, h("wbr", { key: position })]));

/** Whether the test found a change. @param {CategoryChange | null} change */
const isFound = (change) => change?.verdict === "better" || change?.verdict === "worse";

/** The largest change of a category. @param {CategoryRow} row */
const sizeOf = ({ changes }) => Math.max(0, ...changes.map((change) => Math.abs(change?.value ?? 0)));

/**
 * What was found comes first, then the largest changes.
 * @param {CategoryRow} one
 * @param {CategoryRow} other
 */
const byImportance = (one, other) =>
  Number(other.changes.some(isFound)) - Number(one.changes.some(isFound)) || sizeOf(other) - sizeOf(one);

/** @param {{row: CategoryRow, position: number}} props */
function Recall({ row, position }) {
  const [recall, change] = [row.recalls[position], row.changes[position]];
  return h(
    Box,
    null,
    formatDecimal(recall, 3) || "–",
    change && change.verdict !== "same" && change.verdict !== "untested"
      ? h(
          Box,
          { color: colourOf(change.verdict), fontSize: "xs", "data-verdict": change.verdict },
          `${formatSigned(change.value)} ${isFound(change) ? VERDICTS[change.verdict] : ""}`,
        )
      : null,
  );
}

/**
 * @param {readonly string[]} names
 * @returns {import("./table.js").Column<CategoryRow>[]}
 */
const columns = (names) => [
  {
    key: "category",
    title: "Category",
    cell: (row) => [
      h(Breakable, { key: "name", name: row.category }),
      h(
        OnPhone,
        { key: "recalls" },
        names.map((name, position) =>
          row.changes[position]?.verdict === "same"
            ? null
            : h(Flex, { key: name, gap: 2 }, h("span", null, name), h(Recall, { row, position })),
        ),
      ),
    ],
  },
  { key: "titles", title: "Titles", numeric: true, cell: (row) => formatNumber(row.titles) },
  ...names.map((name, position) => ({
    key: `model ${position}`,
    title: name,
    numeric: true,
    wide: true,
    cell: (/** @type {CategoryRow} */ row) => h(Recall, { row, position }),
  })),
];

/** @param {Props} props */
export function Categories({ data: { categories, models }, names }) {
  const [all, setAll] = useState(false);
  const [text, setText] = useState("");
  if (categories.length === 0) return null;
  const changed = categories.filter((row) => sizeOf(row) > 0).sort(byImportance);
  const matching = categories.filter(({ category }) => category.toLowerCase().includes(text.toLowerCase()));
  const rows = all ? matching : changed.slice(0, TOP);
  return h(
    Section,
    {
      title: "Recall by category",
      beside: h(
        Button,
        { size: "xs", variant: "outline", "aria-expanded": all, onClick: () => setAll(!all) },
        all ? "Largest changes" : `All ${formatNumber(categories.length)}`,
      ),
    },
    h(Muted, { display: "block", mb: 2 }, summary(categories, models.length)),
    all
      ? h(Input, {
          size: "sm",
          w: "260px",
          mb: 2,
          placeholder: "Category",
          "aria-label": "Filter categories",
          value: text,
          onChange: (/** @type {{target: {value: string}}} */ event) => setText(event.target.value),
        })
      : null,
    rows.length ? table({ label: "Recall by category", columns: columns(names), rows, rowKey: keyOf }) : null,
  );
}

/** @param {CategoryRow} row */
const keyOf = ({ category }) => category;

/**
 * How many of the changes are more than chance, in words.
 * @param {readonly CategoryRow[]} categories
 * @param {number} models
 */
function summary(categories, models) {
  const changes = categories.flatMap((row) => row.changes.filter((change) => change !== null));
  if (changes.length === 0) return "The changes could not be tested: the predictions are no longer in the store.";
  const found = changes.filter(isFound).length;
  const unclear = changes.filter(({ verdict }) => verdict === "unclear").length;
  const rule = `by the exact test, corrected for ${count(categories.length, "category")}`;
  const start =
    found === 0
      ? `No category is clearly better or worse ${rule}`
      : `${count(found, "change")} ${found === 1 ? "is" : "are"} more than chance ${rule}`;
  const rest = `${count(unclear, "change")} may be chance and ${unclear === 1 ? "stays" : "stay"} grey`;
  return `${start}${models > 2 ? " for each model" : ""}.${unclear ? ` ${rest}.` : ""}`;
}
