// The table of models: of all runs on the page Models, of one run on its tab.
import { h, membersText, moment, runTab, share, UI } from "./base.js";
import { inOrder, Muted, Rows, State, To } from "./parts.js";

const { Box, Checkbox, Flex } = UI;
const WIDTH = 90;

/** An interval as a bar on the scale that all rows share. */
function Interval({ row, scale: [low, high] }) {
  if (!row.interval || high <= low) return null;
  const x = (value) => 2 + ((value - low) / (high - low)) * (WIDTH - 4);
  const [from, to] = row.interval;
  return h(
    "svg",
    { width: WIDTH, height: 14, "aria-hidden": true, style: { flexShrink: 0 } },
    h("line", {
      x1: x(from),
      x2: x(to),
      y1: 7,
      y2: 7,
      stroke: "var(--chakra-colors-blue-focus-ring)",
      strokeWidth: 2,
      opacity: 0.7,
    }),
    h("circle", { cx: x(row.balanced_accuracy), cy: 7, r: 3.5, fill: "var(--chakra-colors-blue-focus-ring)" }),
  );
}

const score = (row, { scale }) =>
  row.state !== "measured"
    ? h(State, { of: row.state })
    : h(
        Flex,
        { align: "center", gap: 3, whiteSpace: "nowrap" },
        h(
          Box,
          null,
          h(Box, { fontWeight: "semibold" }, share(row.balanced_accuracy)),
          h(Muted, { display: "block", fontSize: "xs" }, `${share(row.interval[0], 3)}–${share(row.interval[1], 3)}`),
        ),
        h(Interval, { row, scale }),
      );

const set = (row) =>
  h(
    Flex,
    { align: "center", gap: 2 },
    h(Box, { as: "span", fontWeight: "semibold" }, row.guest ? row.set.replace(/ \(champion\)$/, "") : row.set),
    row.champion ? h(State, { of: "champion" }) : null,
    row.guest && !row.champion ? h(Muted, { fontSize: "xs" }, "in office then") : null,
    Object.keys(row.members).length ? h(Muted, { fontSize: "xs" }, membersText(row.members)) : null,
  );

const run = (row, { linked }) =>
  h(
    Box,
    { maxW: "240px" },
    h(
      Box,
      { overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap", title: row.run_id },
      linked.has(row.run_id) ? h(To, { to: runTab(row.run_id), display: "inline" }, row.run_id) : row.run_id,
    ),
    h(Muted, { fontSize: "xs" }, moment(row.at)),
  );

const figure = (key, title, cell) => ({ key, title, numeric: true, sort: (row) => row[key], cell });

export const OF_A_RUN = [
  { key: "balanced_accuracy", title: "Balanced accuracy", sort: (row) => row.balanced_accuracy, cell: score },
  { key: "set", title: "Set", sort: (row) => row.set, cell: set },
  figure("top5", "Top 5", (row) => share(row.top5)),
  figure("macro_f1", "Macro F1", (row) => share(row.macro_f1)),
  figure("milliseconds_p95", "ms, p95", (row) => share(row.milliseconds_p95, 2)),
  figure("megabytes", "MB", (row) => share(row.megabytes, 1)),
];

export const COLUMNS = [
  ...OF_A_RUN.slice(0, 2),
  { key: "at", title: "Run", sort: (row) => row.at, cell: run },
  {
    key: "as_of",
    title: "Data",
    sort: (row) => `${row.as_of} ${row.source}`,
    cell: (row) =>
      h(
        Box,
        { minW: "130px" },
        row.as_of,
        h(Muted, { display: "block", fontSize: "xs", wordBreak: "break-word" }, row.source),
      ),
  },
  ...OF_A_RUN.slice(2),
];

export function Leaderboard({ rows, columns, linked, sorted, onSort, picked = [], pick, label = "Leaderboard" }) {
  const measured = rows.filter((row) => row.interval);
  const scale = [
    Math.min(...measured.map((row) => row.interval[0])),
    Math.max(...measured.map((row) => row.interval[1])),
  ];
  const known = { linked, scale };
  const choice = {
    key: "choice",
    title: "",
    cell: (row) =>
      h(
        Checkbox.Root,
        {
          size: "sm",
          checked: picked.includes(row.id),
          disabled: row.state !== "measured",
          onCheckedChange: () => pick(row.id),
        },
        h(Checkbox.HiddenInput, { "aria-label": `Compare ${row.set} of ${row.run_id}` }),
        h(Checkbox.Control),
      ),
  };
  const shown = columns.map((column) => ({ ...column, cell: (row) => column.cell(row, known) }));
  return h(Rows, {
    columns: pick ? [choice, ...shown] : shown,
    rows: inOrder(rows, columns, sorted),
    rowKey: (row) => row.id,
    sorted,
    onSort,
    label,
  });
}
