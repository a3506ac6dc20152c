// The table of models: those of all runs on the page Models, those of one run on its tab.
import { formatDateTime, h, modelPath, runTab, UI } from "./airflow.js";
import { barOf } from "./bars.js";
import { count, formatDecimal, formatMembers } from "./format.js";
import { AppLink, Muted, StateBadge } from "./parts.js";
import { sortRows } from "./sorting.js";
import { table } from "./table.js";

/** @typedef {import("../types/responses").ModelRow} ModelRow */
/** @typedef {import("./sorting.js").Order} Order */
/** @typedef {import("../types/responses").RankedTestSet} RankedTestSet */
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
const BARS = 20;

/**
 * A model's confidence interval as a bar, on the scale of the best models that were tested on the same titles. What lies
 * beyond the scale is an arrow at its end.
 * @param {{row: ModelRow, scale: Scale | undefined}} props
 */
function IntervalBar({ row, scale: [low, high] = [0, 0] }) {
  if (!row.interval || row.balanced_accuracy === null || high <= low) return null;
  const bar = barOf(row.interval, row.balanced_accuracy, [low, high]);
  const x = (/** @type {number} */ part) => 2 + part * (WIDTH - 4);
  return h(
    "svg",
    { width: WIDTH, height: 14, "aria-hidden": true, "data-beyond": bar.beyond },
    h("line", { x1: x(bar.from), x2: x(bar.to), y1: 7, y2: 7, stroke: COLOUR, strokeWidth: 2, opacity: 0.7 }),
    bar.beyond ? h("path", { d: "M9 2 3 7l6 5", fill: "none", stroke: COLOUR, strokeWidth: 2 }) : null,
    bar.at === null ? null : h("circle", { cx: x(bar.at), cy: 7, r: 3.5, fill: COLOUR }),
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

/**
 * The name of a model's set: the champion beside a run's own models has a mark of its own.
 * @param {ModelRow} row
 */
export const nameOf = (row) => (row.external ? row.set.replace(/ \(champion\)$/, "") : row.set);

/** @param {ModelRow} row */
const set = (row) =>
  h(
    Flex,
    { align: "center", columnGap: 2, wrap: "wrap" },
    h(
      Box,
      { as: "span", fontWeight: "semibold", overflowWrap: "anywhere" },
      h(AppLink, { to: modelPath(row.id), display: "inline" }, nameOf(row)),
    ),
    row.champion ? h(StateBadge, { of: "champion" }) : null,
    row.at_chance ? h(StateBadge, { of: "warning" }, "no better than guessing") : null,
    row.external && !row.champion ? h(Muted, { fontSize: "xs" }, "champion at that time") : null,
    Object.keys(row.members).length ? h(Muted, { fontSize: "xs" }, formatMembers(row.members)) : null,
    row.note?.text
      ? h(
          Muted,
          {
            display: "block",
            flexBasis: "100%",
            fontSize: "xs",
            lineClamp: 2,
            title: `${row.note.text} (${row.note.by})`,
          },
          `Note: ${row.note.text}`,
        )
      : null,
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
    h(
      Muted,
      { fontSize: "xs" },
      formatDateTime(row.at),
      row.runs > 1 ? `, and ${count(row.runs - 1, "more run")}` : "",
    ),
  );

/** @param {ModelRow} row */
const data = (row) =>
  h(
    Box,
    { minW: "180px" },
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

/**
 * A model's place among those tested on the same titles; "≈" if its interval reaches the score of the best one.
 * @param {ModelRow} row
 */
const rank = (row) =>
  row.rank === null
    ? null
    : h(
        Box,
        { whiteSpace: "nowrap" },
        row.rank,
        row.rank > 1 && row.reaches_best
          ? h(Box, { as: "span", color: "fg.muted", role: "img", "aria-label": REACHES, title: REACHES }, " ≈")
          : null,
      );
const REACHES = "may be as good as the best: its interval reaches that score";

/** The columns for the models of all runs. */
export const ALL_COLUMNS = [
  { key: "rank", title: "#", cell: rank },
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
 * What the bars of the models of one run span: the intervals of the best twenty.
 * @param {readonly ModelRow[]} rows
 */
function scalesOf(rows) {
  const best = sortRows(rows, [SCORE], BEST_FIRST).slice(0, BARS);
  const intervals = best.flatMap(({ interval }) => (interval ? [interval] : []));
  /** @type {Scale} */
  const scale = [Math.min(...intervals.map(([low]) => low)), Math.max(...intervals.map(([, high]) => high))];
  return new Map(best.map((row) => [row.test_set, scale]));
}

/**
 * A column with a checkbox for each model that has a score.
 * @param {string[]} selected ids of rows
 * @param {(id: string) => void} onSelect
 * @param {number} most more cannot be selected
 * @returns {ModelColumn}
 */
export const choiceColumn = (selected, onSelect, most) => ({
  key: "choice",
  title: "",
  cell: (row) =>
    h(
      Checkbox.Root,
      {
        size: "sm",
        checked: selected.includes(row.id),
        disabled: row.interval === null || (selected.length >= most && !selected.includes(row.id)),
        onCheckedChange: () => onSelect(row.id),
      },
      h(Checkbox.HiddenInput, { "aria-label": `Compare ${row.set} of ${row.run_id}` }),
      h(Checkbox.Control),
    ),
});

/**
 * The models of one run, or with `groups` those of all runs by their test titles. `linked` has the ids of runs that
 * Airflow knows, `scales` what the bars span by the id of the test titles.
 * @param {object} props
 * @param {ModelRow[]} [props.rows]
 * @param {import("./table.js").Group<ModelRow>[]} [props.groups]
 * @param {Map<string, Scale>} [props.scales]
 * @param {ModelColumn[]} props.columns
 * @param {Set<string>} props.linked
 * @param {Order} props.order
 * @param {(key: string) => void} [props.onSort]
 */
export function Leaderboard({ rows = [], groups, scales = scalesOf(rows), columns, linked, order, onSort }) {
  /** @type {import("./table.js").Column<ModelRow>[]} */
  const cells = columns.map((column) => ({ ...column, cell: (row) => column.cell(row, { linked, scales }) }));
  return table({
    columns: cells,
    ...(groups
      ? { groups: groups.map((group) => ({ ...group, rows: sortRows(group.rows, columns, order) })) }
      : { rows: sortRows(rows, columns, order) }),
    rowKey: (row) => row.id,
    label: "Leaderboard",
    order,
    ...(onSort ? { onSort } : {}),
  });
}
