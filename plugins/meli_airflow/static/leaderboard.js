// The table of models: those of all runs on the page Models, those of one run on its tab.
import { formatDateTime, h, runTab, UI } from "./airflow.js";
import { formatDecimal, formatMembers, formatTestSet } from "./format.js";
import { AppLink, Muted, StateBadge } from "./parts.js";
import { sortRows } from "./sorting.js";
import { table } from "./table.js";

/** @typedef {import("../types/responses").ModelRow} ModelRow */
/** @typedef {import("./sorting.js").Order} Order */
/** @typedef {import("../types/responses").TestSet} TestSet */
/** @typedef {[low: number, high: number]} Scale what the bars of models tested on the same titles span */
/** @typedef {{linked: Set<string>, scales: Map<string, Scale>}} Context `scales` by the id of the test titles */
/**
 * A column whose cells need to know more than their row.
 * @typedef {Omit<import("./table.js").Column<ModelRow>, "cell"> &
 *   {cell: (row: ModelRow, context: Context) => import("react").ReactNode}} ModelColumn
 */

const { Box, Checkbox, Flex } = UI;
const WIDTH = 90;
const COLOUR = "var(--chakra-colors-blue-focus-ring)";

/**
 * A model's confidence interval as a bar, on the scale of the models that were tested on the same titles.
 * @param {{row: ModelRow, scale: Scale | undefined}} props
 */
function IntervalBar({ row, scale: [low, high] = [0, 0] }) {
  if (!row.interval || row.balanced_accuracy === null || high <= low) return null;
  const x = (/** @type {number} */ value) => 2 + ((value - low) / (high - low)) * (WIDTH - 4);
  const [from, to] = row.interval;
  return h(
    "svg",
    { width: WIDTH, height: 14, "aria-hidden": true },
    h("line", { x1: x(from), x2: x(to), y1: 7, y2: 7, stroke: COLOUR, strokeWidth: 2, opacity: 0.7 }),
    h("circle", { cx: x(row.balanced_accuracy), cy: 7, r: 3.5, fill: COLOUR }),
  );
}

/** @param {ModelRow} row @param {Context} context */
const score = (row, { scales }) =>
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
        h(
          Box,
          { display: { base: "none", sm: "block" }, flexShrink: 0 },
          h(IntervalBar, { row, scale: scales.get(row.test_set) }),
        ),
      );

/** @param {ModelRow} row */
const set = (row) =>
  h(
    Flex,
    { align: "center", columnGap: 2, wrap: "wrap" },
    h(
      Box,
      { as: "span", fontWeight: "semibold", overflowWrap: "break-word" },
      row.external ? row.set.replace(/ \(champion\)$/, "") : row.set,
    ),
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
  wide: true,
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
  figure("milliseconds_p95", "CPU ms, p95", 2),
  figure("megabytes", "MB", 1),
];

/** The columns for the models of one run. */
export const RUN_COLUMNS = [SET, SCORE, ...FIGURES];

/** The columns for the models of all runs. */
export const ALL_COLUMNS = [
  SET,
  SCORE,
  { key: "at", title: "Run", wide: true, sort: (/** @type {ModelRow} */ row) => row.at, cell: run },
  {
    key: "as_of",
    title: "Data",
    wide: true,
    sort: (/** @type {ModelRow} */ row) => `${row.as_of} ${row.source}`,
    cell: data,
  },
  ...FIGURES,
];

/** Best first. @type {Order} */
export const BEST_FIRST = ["balanced_accuracy", "down"];

/**
 * What the bars of the models of each set of test titles span.
 * @param {readonly ModelRow[]} rows
 */
function scalesOf(rows) {
  /** @type {Map<string, Scale>} */
  const scales = new Map();
  for (const { test_set: id, interval } of rows) {
    if (!interval) continue;
    const [low, high] = scales.get(id) ?? interval;
    scales.set(id, [Math.min(low, interval[0]), Math.max(high, interval[1])]);
  }
  return scales;
}

/**
 * The rows under a heading for each set of test titles, the newest first; those without a score come last.
 * @param {readonly ModelRow[]} rows
 * @param {readonly TestSet[]} testSets
 * @returns {import("./table.js").Group<ModelRow>[]}
 */
function groupsOf(rows, testSets) {
  const groups = testSets.map((testSet) => ({
    key: testSet.id,
    heading: `On ${formatTestSet(testSet)}`,
    rows: rows.filter((row) => row.test_set === testSet.id),
  }));
  const ids = new Set(testSets.map(({ id }) => id));
  const others = rows.filter((row) => !ids.has(row.test_set));
  const all = [...groups, { key: "", heading: "Without a score: failed, or not evaluated yet", rows: others }];
  return all.filter((group) => group.rows.length > 0);
}

/**
 * `linked` has the ids of runs that Airflow knows. With `onSelect`, each row has a checkbox. With `testSets`, each set of
 * test titles is ranked by itself.
 * @param {object} props
 * @param {ModelRow[]} props.rows
 * @param {readonly TestSet[]} [props.testSets]
 * @param {ModelColumn[]} props.columns
 * @param {Set<string>} props.linked
 * @param {Order} props.order
 * @param {(key: string) => void} [props.onSort]
 * @param {string[]} [props.selected] ids of rows
 * @param {(id: string) => void} [props.onSelect]
 */
export function Leaderboard({ rows, testSets, columns, linked, order, onSort, selected = [], onSelect }) {
  const scales = scalesOf(rows);
  /** @type {import("./table.js").Column<ModelRow>[]} */
  const cells = columns.map((column) => ({ ...column, cell: (row) => column.cell(row, { linked, scales }) }));
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
  const sorted = sortRows(rows, columns, order);
  return table({
    columns: cells,
    ...(testSets ? { groups: groupsOf(sorted, testSets) } : { rows: sorted }),
    rowKey: (row) => row.id,
    label: "Leaderboard",
    order,
    ...(onSort ? { onSort } : {}),
  });
}
