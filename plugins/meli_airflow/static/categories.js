// How much better or worse each category is in one model than in another.
import { h, UI, useState } from "./airflow.js";
import { formatDecimal, formatNumber, formatSigned } from "./format.js";
import { Muted, Section } from "./parts.js";
import { OnPhone, table } from "./table.js";

/** @typedef {import("../types/responses").CategoryRow} CategoryRow */
/** @typedef {import("../types/responses").Comparison} ComparisonResponse */

const { Box, Button, Flex, Heading, Input, SimpleGrid } = UI;
const TOP = 10;
const HALF = 40;

/**
 * A difference as a bar to the left or right of the middle; `largest` fills it.
 * @param {{value: number, largest: number}} props
 */
function DifferenceBar({ value, largest }) {
  const length = largest ? (Math.abs(value) / largest) * HALF : 0;
  return h(
    "svg",
    { width: 2 * HALF, height: 12, "aria-hidden": true },
    h("line", { x1: HALF, x2: HALF, y1: 0, y2: 12, stroke: "var(--chakra-colors-border-emphasized)" }),
    h("rect", {
      x: value < 0 ? HALF - length : HALF,
      y: 2,
      width: length,
      height: 8,
      rx: 2,
      // In one colour: a category has few titles, and its difference no interval, so it may be chance.
      fill: "var(--chakra-colors-fg-muted)",
    }),
  );
}

/**
 * A long name that may break after its underscores.
 * @param {{name: string}} props
 */
const Breakable = ({ name }) =>
  h("span", null, ...name.split(/(?<=_)/).map((part, position) => [part, h("wbr", { key: position })]));

/**
 * @param {ComparisonResponse} data
 * @param {number} largest
 * @returns {import("./table.js").Column<CategoryRow>[]}
 */
const columns = ({ left, right, same_titles: same }, largest) => [
  {
    key: "category",
    title: "Category",
    cell: (row) => [
      h(Breakable, { key: "name", name: row.category }),
      h(OnPhone, { key: "both" }, `${formatDecimal(row.left, 3) || "–"} and ${formatDecimal(row.right, 3) || "–"}`),
    ],
  },
  {
    key: "titles",
    title: "Titles",
    numeric: true,
    cell: (row) =>
      same || row.left_titles === row.right_titles
        ? formatNumber(row.left_titles || row.right_titles)
        : `${formatNumber(row.left_titles)} / ${formatNumber(row.right_titles)}`,
  },
  { key: "left", title: left.set, numeric: true, wide: true, cell: (row) => formatDecimal(row.left, 3) || "–" },
  { key: "right", title: right.set, numeric: true, wide: true, cell: (row) => formatDecimal(row.right, 3) || "–" },
  {
    key: "difference",
    title: "Difference",
    numeric: true,
    cell: (row) => (row.difference === null ? "–" : formatSigned(row.difference)),
  },
  {
    key: "bar",
    title: "",
    wide: true,
    cell: (row) => (row.difference === null ? null : h(DifferenceBar, { value: row.difference, largest })),
  },
];

/**
 * The rows are sorted by their difference, the largest gain first.
 * @param {{data: ComparisonResponse}} props
 */
export function Categories({ data }) {
  const { categories, right } = data;
  const [all, setAll] = useState(false);
  if (categories.length === 0) return null;
  const differences = categories.flatMap((row) => (row.difference === null ? [] : [row.difference]));
  const largest = Math.max(...differences.map(Math.abs), 0);
  const gains = categories.filter((row) => row.difference !== null && row.difference > 0);
  const losses = categories.filter((row) => row.difference !== null && row.difference < 0).reverse();
  const unchanged = differences.length - gains.length - losses.length;
  /** @param {CategoryRow[]} rows @param {string} label */
  const rowTable = (rows, label) =>
    table({ columns: columns(data, largest), rows, rowKey: (row) => row.category, label });
  /** @param {string} title @param {CategoryRow[]} rows @param {string} none */
  const top = (title, rows, none) =>
    h(
      Box,
      { minW: 0 },
      h(Heading, { as: "h3", size: "sm", mb: 2 }, `${title} of ${right.set}`),
      rows.length ? rowTable(rows.slice(0, TOP), title) : h(Muted, null, none),
    );
  return h(
    Section,
    {
      title: "Recall by category",
      beside: h(
        Flex,
        { gap: 3, align: "center", wrap: "wrap" },
        h(Muted, null, `${gains.length} better, ${losses.length} worse, ${unchanged} the same`),
        h(
          Button,
          { size: "xs", variant: "outline", onClick: () => setAll(!all) },
          all ? "Top gains and losses" : `All ${formatNumber(categories.length)}`,
        ),
      ),
    },
    all
      ? h(Searchable, { categories, rowTable })
      : h(
          SimpleGrid,
          { columns: { base: 1, xl: 2 }, gap: 6 },
          top("Top gains", gains, "No category is better on the right."),
          top("Top losses", losses, "No category is worse on the right."),
        ),
  );
}

/** @param {{categories: CategoryRow[], rowTable: (rows: CategoryRow[], label: string) => import("react").ReactNode}} props */
function Searchable({ categories, rowTable }) {
  const [text, setText] = useState("");
  const matching = categories.filter((row) => row.category.toLowerCase().includes(text.toLowerCase()));
  return h(
    Box,
    null,
    h(Input, {
      size: "sm",
      w: "260px",
      mb: 2,
      placeholder: "Category",
      "aria-label": "Filter categories",
      value: text,
      onChange: (/** @type {{target: {value: string}}} */ event) => setText(event.target.value),
    }),
    rowTable(matching, "All categories"),
  );
}
