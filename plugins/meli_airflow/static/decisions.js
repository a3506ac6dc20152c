// The promotion history: every decision on the champion, newest first, as the ledger has them.
import { h, moment, runTab, share, signed, UI, useAnswer, useState } from "./base.js";
import { Failure, Loading, Muted, Nothing, Rows, Section, State, To } from "./parts.js";

const { Box, Button } = UI;
const PAGE = 20;

/** A gate of the decision: what was seen against its limit. */
export function Gates({ gates }) {
  return h(Rows, {
    label: "Gates",
    rows: gates,
    rowKey: (gate) => gate.name,
    columns: [
      { key: "name", title: "Gate", cell: (gate) => gate.name.replaceAll("_", " ") },
      { key: "seen", title: "Seen", numeric: true, cell: (gate) => share(gate.seen) || "–" },
      { key: "limit", title: "Limit", numeric: true, cell: (gate) => share(gate.limit) },
      {
        key: "passed",
        title: "",
        cell: (gate) => h(State, { of: gate.passed ? "computed" : "failed" }, gate.passed ? "holds" : "does not hold"),
      },
      { key: "detail", title: "Detail", cell: (gate) => h(Muted, null, gate.detail) },
    ],
  });
}

const columns = (linked) => [
  { key: "number", title: "No.", numeric: true, cell: (row) => row.number },
  { key: "at", title: "When", cell: (row) => moment(row.at), props: { whiteSpace: "nowrap" } },
  { key: "action", title: "Decision", cell: (row) => h(State, { of: row.action }) },
  {
    key: "set",
    title: "Champion after it",
    cell: (row) => h(Box, { as: "span", fontWeight: "semibold" }, row.set || "none"),
  },
  { key: "balanced_accuracy", title: "Balanced accuracy", numeric: true, cell: (row) => share(row.balanced_accuracy) },
  {
    key: "gain",
    title: "Gain",
    numeric: true,
    cell: (row) =>
      row.gain === null || row.gain === undefined
        ? ""
        : h("span", { title: `probability that it is better: ${share(row.probability, 3)}` }, signed(row.gain, 4)),
  },
  {
    key: "by",
    title: "By",
    cell: (row) => (linked.has(row.run_id) ? h(To, { to: runTab(row.run_id) }, row.by) : row.by),
    props: { minW: "140px", wordBreak: "break-word" },
  },
  { key: "reason", title: "Why", cell: (row) => h(Box, { minW: "260px", color: "fg.muted" }, row.reason) },
];

export function Decisions() {
  const [limit, setLimit] = useState(PAGE);
  const { data, error, again } = useAnswer(`decisions?limit=${limit}`, () => 30);
  const body = () => {
    if (data === undefined) return error ? h(Failure, { error, again }) : h(Loading);
    if (data.all === 0)
      return h(Nothing, { title: "No decision yet" }, "The first run that measures a model decides on it.");
    return h(
      Box,
      null,
      h(Rows, {
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
    {
      title: "Promotion history",
      beside: data?.all ? h(Muted, null, `${data.all} decision${data.all > 1 ? "s" : ""}`) : null,
    },
    body(),
  );
}
