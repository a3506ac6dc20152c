// The promotion history: every decision in the ledger, newest first.
import { formatDateTime, h, runTab, UI, useState } from "./airflow.js";
import { count, formatDecimal, formatQuantity, formatSigned } from "./format.js";
import { AppLink, EmptyState, LoadError, Loading, Muted, Section, StateBadge, table } from "./parts.js";
import { useServer } from "./server.js";

/** @typedef {import("../types/responses").Decision} Decision */
/** @typedef {import("../types/responses").Decisions} DecisionsResponse */
/** @typedef {import("../types/responses").Gate} Gate */

const { Box, Button } = UI;
const PAGE = 20;
const SECONDS = 30;

/**
 * A decision's gates: each value with its limit.
 * @param {{gates: Gate[]}} props
 */
export const Gates = ({ gates }) =>
  table({
    label: "Gates",
    rows: gates,
    rowKey: (gate) => gate.name,
    columns: [
      { key: "name", title: "Gate", cell: (gate) => gate.name.replaceAll("_", " ") },
      { key: "value", title: "Value", numeric: true, cell: (gate) => formatQuantity(gate.value) },
      { key: "limit", title: "Limit", numeric: true, cell: (gate) => formatQuantity(gate.limit) },
      {
        key: "passed",
        title: "Result",
        cell: (gate) => h(StateBadge, { of: gate.passed ? "computed" : "failed" }, gate.passed ? "passed" : "failed"),
      },
      { key: "detail", title: "Detail", cell: (gate) => h(Muted, null, gate.detail) },
    ],
  });

/**
 * @param {Set<string>} linked ids of runs that Airflow knows
 * @returns {import("./parts.js").Column<Decision>[]}
 */
const columns = (linked) => [
  { key: "number", title: "No.", numeric: true, cell: (row) => row.number },
  { key: "at", title: "Date", cell: (row) => formatDateTime(row.at), props: { whiteSpace: "nowrap" } },
  { key: "action", title: "Decision", cell: (row) => h(StateBadge, { of: row.action }) },
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
    title: "Gain",
    numeric: true,
    cell: (row) =>
      row.gain === null || row.gain === undefined
        ? ""
        : h(
            "span",
            { title: `Probability that the challenger is better: ${formatDecimal(row.probability, 3)}` },
            formatSigned(row.gain, 4),
          ),
  },
  {
    key: "by",
    title: "By",
    cell: (row) => (linked.has(row.run_id) ? h(AppLink, { to: runTab(row.run_id) }, row.by) : row.by),
    props: { minW: "140px", wordBreak: "break-word" },
  },
  { key: "reason", title: "Reason", cell: (row) => h(Box, { minW: "260px", color: "fg.muted" }, row.reason) },
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
    return h(
      Box,
      null,
      table({
        columns: columns(new Set(data.in_airflow)),
        rows: data.decisions,
        rowKey: (row) => row.number,
        label: "Promotion history",
      }),
      data.decisions.length < data.all
        ? h(
            Button,
            { mt: 3, size: "sm", variant: "outline", onClick: () => setLimit(limit + PAGE) },
            "Show older decisions",
          )
        : null,
    );
  };
  return h(
    Section,
    { title: "Promotion history", beside: data?.all ? h(Muted, null, count(data.all, "decision")) : null },
    body(),
  );
}
