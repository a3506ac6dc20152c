// The table of models: those of all runs on the page Models, those of one run on its tab.
import { formatDateTime, h, runTab, UI } from "./airflow.js";
import { formatDecimal, formatMembers } from "./format.js";
import { AppLink, Muted, StateBadge, table } from "./parts.js";
import { sortRows } from "./sorting.js";

/** @typedef {import("../types/responses").ModelRow} ModelRow */
/** @typedef {import("./sorting.js").Order} Order */
/** @typedef {[low: number, high: number]} Scale what the bars of all rows span */
/** @typedef {{linked: Set<string>, scale: Scale}} Context */
/**
 * A column whose cells need to know more than their row.
 * @typedef {Omit<import("./parts.js").Column<ModelRow>, "cell"> &
 *   {cell: (row: ModelRow, context: Context) => import("react").ReactNode}} ModelColumn
 */

const { Box, Checkbox, Flex } = UI;
const WIDTH = 90;
const COLOUR = "var(--chakra-colors-blue-focus-ring)";

/**
 * A model's confidence interval as a bar, on the scale of all rows.
 * @param {{row: ModelRow, scale: Scale}} props
 */
function IntervalBar({ row, scale: [low, high] }) {
  if (!row.interval || row.balanced_accuracy === null || high <= low) return null;
  const x = (/** @type {number} */ value) => 2 + ((value - low) / (high - low)) * (WIDTH - 4);
  const [from, to] = row.interval;
  return h(
    "svg",
    { width: WIDTH, height: 14, "aria-hidden": true, style: { flexShrink: 0 } },
    h("line", { x1: x(from), x2: x(to), y1: 7, y2: 7, stroke: COLOUR, strokeWidth: 2, opacity: 0.7 }),
    h("circle", { cx: x(row.balanced_accuracy), cy: 7, r: 3.5, fill: COLOUR }),
  );
}

/** @param {ModelRow} row @param {Context} context */
const score = (row, { scale }) =>
  row.interval === null
    ? h(StateBadge, { of: row.state })
    : h(
        Flex,
        { align: "center", gap: 3, whiteSpace: "nowrap" },
        h(
          Box,
          null,
          h(Box, { fontWeight: "semibold" }, formatDecimal(row.balanced_accuracy)),
          h(
            Muted,
            { display: "block", fontSize: "xs" },
            `${formatDecimal(row.interval[0], 3)}–${formatDecimal(row.interval[1], 3)}`,
          ),
        ),
        h(IntervalBar, { row, scale }),
      );

/** @param {ModelRow} row */
const set = (row) =>
  h(
    Flex,
    { align: "center", gap: 2 },
    h(Box, { as: "span", fontWeight: "semibold" }, row.external ? row.set.replace(/ \(champion\)$/, "") : row.set),
    row.champion ? h(StateBadge, { of: "champion" }) : null,
    row.external && !row.champion ? h(Muted, { fontSize: "xs" }, "champion at that time") : null,
    Object.keys(row.members).length ? h(Muted, { fontSize: "xs" }, formatMembers(row.members)) : null,
  );

/** @param {ModelRow} row @param {Context} context */
const run = (row, { linked }) =>
  h(
    Box,
    { maxW: "240px" },
    h(
      Box,
      { overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap", title: row.run_id },
      linked.has(row.run_id) ? h(AppLink, { to: runTab(row.run_id), display: "inline" }, row.run_id) : row.run_id,
    ),
    h(Muted, { fontSize: "xs" }, formatDateTime(row.at)),
  );

/** @param {ModelRow} row */
const data = (row) =>
  h(
    Box,
    { minW: "130px" },
    row.as_of,
    h(Muted, { display: "block", fontSize: "xs", wordBreak: "break-word" }, row.source),
  );

/**
 * @param {"top5" | "macro_f1" | "milliseconds_p95" | "megabytes"} key
 * @param {string} title
 * @returns {ModelColumn}
 */
const figure = (key, title, digits = 4) => ({
  key,
  title,
  numeric: true,
  sort: (row) => row[key],
  cell: (row) => formatDecimal(row[key], digits),
});

/** @type {ModelColumn} */
const SCORE = {
  key: "balanced_accuracy",
  title: "Balanced accuracy",
  sort: (row) => row.balanced_accuracy,
  cell: score,
};
/** @type {ModelColumn} */
const SET = { key: "set", title: "Set", sort: (row) => row.set, cell: set };
const FIGURES = [
  figure("top5", "Top 5"),
  figure("macro_f1", "Macro F1"),
  figure("milliseconds_p95", "ms, p95", 2),
  figure("megabytes", "MB", 1),
];

/** The columns for the models of one run. */
export const RUN_COLUMNS = [SCORE, SET, ...FIGURES];

/** The columns for the models of all runs. */
export const ALL_COLUMNS = [
  SCORE,
  SET,
  { key: "at", title: "Run", sort: (/** @type {ModelRow} */ row) => row.at, cell: run },
  {
    key: "as_of",
    title: "Data",
    sort: (/** @type {ModelRow} */ row) => `${row.as_of} ${row.source}`,
    cell: data,
  },
  ...FIGURES,
];

/**
 * `linked` has the ids of runs that Airflow knows. With `onSelect`, each row has a checkbox.
 * @param {object} props
 * @param {ModelRow[]} props.rows
 * @param {ModelColumn[]} props.columns
 * @param {Set<string>} props.linked
 * @param {Order} props.order
 * @param {(key: string) => void} [props.onSort]
 * @param {string[]} [props.selected] ids of rows
 * @param {(id: string) => void} [props.onSelect]
 */
export function Leaderboard({ rows, columns, linked, order, onSort, selected = [], onSelect }) {
  const intervals = rows.flatMap((row) => (row.interval ? [row.interval] : []));
  /** @type {Scale} */
  const scale = [Math.min(...intervals.map(([low]) => low)), Math.max(...intervals.map(([, high]) => high))];
  /** @type {import("./parts.js").Column<ModelRow>[]} */
  const cells = columns.map((column) => ({ ...column, cell: (row) => column.cell(row, { linked, scale }) }));
  if (onSelect) {
    cells.unshift({
      key: "choice",
      title: "",
      cell: (row) =>
        h(
          Checkbox.Root,
          {
            size: "sm",
            checked: selected.includes(row.id),
            disabled: row.interval === null,
            onCheckedChange: () => onSelect(row.id),
          },
          h(Checkbox.HiddenInput, { "aria-label": `Compare ${row.set} of ${row.run_id}` }),
          h(Checkbox.Control),
        ),
    });
  }
  return table({
    columns: cells,
    rows: sortRows(rows, columns, order),
    rowKey: (row) => row.id,
    label: "Leaderboard",
    order,
    ...(onSort ? { onSort } : {}),
  });
}
