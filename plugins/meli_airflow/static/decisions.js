// The promotion history, newest first, below a fold: a line for each decision, one for a run that decided the same again.
import { formatDateTime, h, runTab, UI, useState } from "./airflow.js";
import { Fold } from "./fold.js";
import { count, formatDecimal, formatInterval, formatSigned } from "./format.js";
import { gateState, gateText, gateTitle } from "./gates.js";
import { AppLink, EmptyState, LoadError, Loading, Muted, Section, StateBadge } from "./parts.js";
import { useServer } from "./server.js";
import { OnPhone, table } from "./table.js";

/** @typedef {import("../types/responses").HistoryRow} HistoryRow */
/** @typedef {import("../types/responses").Decisions} DecisionsResponse */
/** @typedef {import("../types/responses").Gate} Gate */

const { Box, Button } = UI;
const PAGE = 20;
const MOST = 1000;
const SECONDS = 30;

/** The badge of each state. */
const BADGES = { passed: "computed", failed: "failed", "not checked": "warning" };

/**
 * A decision's gates: what each looks at, what was observed, what is allowed.
 * @param {{gates: Gate[]}} props
 */
export const Gates = ({ gates }) =>
  table({
    label: "Gates",
    rows: gates,
    rowKey: (gate) => gate.name,
    columns: [
      {
        key: "passed",
        title: "Result",
        cell: (gate) => h(StateBadge, { of: BADGES[gateState(gate)] }, gateState(gate)),
      },
      {
        key: "name",
        title: "Gate",
        cell: (gate) => [
          h(Box, { key: "title" }, gateTitle(gate)),
          h(Muted, { key: "text", display: "block" }, gateText(gate)),
        ],
      },
      { key: "detail", title: "Detail", wide: true, cell: (gate) => h(Muted, null, gate.detail) },
    ],
  });

/**
 * The gain of a challenger with its 95 % interval. It is no gain for certain unless the interval lies above 0.
 * @param {HistoryRow} row
 */
const gain = ({ gain: value, gain_interval: interval, probability }) =>
  value === null || value === undefined
    ? ""
    : h(
        Box,
        { title: `Probability that the challenger is better: ${formatDecimal(probability, 3)}`, whiteSpace: "nowrap" },
        formatSigned(value, 4),
        interval ? h(Muted, { display: "block", fontSize: "xs" }, formatInterval(interval, 4, true)) : null,
      );

/**
 * What a person answered whom the run asked.
 * @param {NonNullable<HistoryRow["approval"]>} approval
 */
const answer = ({ by, approved, timed_out: timedOut }) =>
  timedOut ? "nobody answered in time" : `${approved ? "approved" : "rejected"} by ${by || "an unknown user"}`;

/**
 * The decisions of a run that was cleared and kept the same champion again: they are in the ledger, but no news.
 * @param {{again: import("../types/responses").Decision[]}} props
 */
const Again = ({ again }) =>
  h(
    Fold,
    { label: h(Muted, { fontSize: "xs" }, `kept again when it was run again: ${count(again.length, "decision")}`) },
    again.map(({ number, at, reason }) =>
      h(Muted, { key: number, display: "block", fontSize: "xs" }, `${number}, ${formatDateTime(at)}: ${reason}`),
    ),
  );

/**
 * @param {Set<string>} linked ids of runs that Airflow knows
 * @returns {import("./table.js").Column<HistoryRow>[]}
 */
const columns = (linked) => [
  { key: "number", title: "No.", numeric: true, wide: true, cell: (row) => row.number },
  { key: "at", title: "Date", wide: true, cell: (row) => formatDateTime(row.at), props: { whiteSpace: "nowrap" } },
  {
    key: "action",
    title: "Decision",
    cell: (row) => [
      h(StateBadge, { key: "badge", of: row.action }),
      row.approval ? h(Muted, { key: "answer", display: "block", fontSize: "xs" }, answer(row.approval)) : null,
      h(OnPhone, { key: "at" }, formatDateTime(row.at)),
    ],
  },
  {
    key: "nominated",
    title: "Nominated",
    wide: true,
    cell: (row) => h(Box, { title: row.why_nominated, overflowWrap: "anywhere" }, row.nominated ?? ""),
  },
  {
    key: "set",
    title: "Champion afterwards",
    cell: (row) => h(Box, { as: "span", fontWeight: "semibold" }, row.set || "none"),
  },
  {
    key: "balanced_accuracy",
    title: "Balanced accuracy",
    numeric: true,
    cell: (row) => formatDecimal(row.balanced_accuracy),
  },
  {
    key: "gain",
    title: "Gain, 95 % interval",
    numeric: true,
    wide: true,
    cell: gain,
  },
  {
    key: "by",
    title: "By",
    wide: true,
    cell: (row) => [
      linked.has(row.run_id) ? h(AppLink, { key: "by", to: runTab(row.run_id) }, row.by) : row.by,
      row.by_hand ? h(Muted, { key: "hand", display: "block", fontSize: "xs" }, "by hand") : null,
    ],
    props: { minW: "140px", wordBreak: "break-word" },
  },
  {
    key: "reason",
    title: "Reason",
    wide: true,
    cell: (row) => [
      h(Box, { key: "reason", minW: "260px", color: "fg.muted" }, row.reason),
      row.again?.length ? h(Again, { key: "again", again: row.again }) : null,
    ],
  },
];

export function Decisions() {
  const [limit, setLimit] = useState(PAGE);
  /** @type {import("./server.js").Loaded<DecisionsResponse>} */
  const { data, error, reload } = useServer(`decisions?limit=${limit}`, () => SECONDS);
  const body = () => {
    if (data === undefined) return error ? h(LoadError, { error, reload }) : h(Loading);
    if (data.all === 0) {
      return h(EmptyState, { title: "No decision yet" }, "The first run that evaluates a model makes one.");
    }
    const [newest] = data.decisions;
    return h(
      Fold,
      { label: newest ? `The last was on ${formatDateTime(newest.at)}: ${newest.action}. Show all` : "Show all" },
      table({
        columns: columns(new Set(data.in_airflow)),
        rows: data.decisions,
        rowKey: (row) => row.number,
        label: "Promotion history",
      }),
      data.decisions.length < Math.min(data.all, MOST)
        ? h(
            Button,
            { mt: 3, size: "sm", variant: "outline", onClick: () => setLimit(Math.min(MOST, limit + PAGE)) },
            "Show older decisions",
          )
        : null,
    );
  };
  return h(
    Section,
    {
      title: "Promotion history",
      beside: data?.all ? h(Muted, null, count(data.decided ?? data.all, "decision")) : null,
    },
    body(),
  );
}
