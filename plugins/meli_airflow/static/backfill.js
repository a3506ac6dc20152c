// The tab on a run of meli_backfill: its preview, how far each date is, and the button that ends it.
import { AIRFLOW, ask, duration, h, moment, number, runPath, runTab, share, UI, useAnswer, useState } from "./base.js";
import { Failure, Figure, Loading, Muted, Note, Nothing, Panel, Rows, Section, State, To } from "./parts.js";

const { Box, Button, Flex, SimpleGrid, Text } = UI;
const SECONDS = 3;
const TRIES = 3;
const ENDED = new Set(["success", "failed"]);

export function Backfill({ runId }) {
  const { data, error, again } = useAnswer(`backfills/${encodeURIComponent(runId)}`, ({ state }) =>
    state && !ENDED.has(state) ? SECONDS : 0,
  );
  if (data === undefined) return h(Box, { p: 4 }, error ? h(Failure, { error, again }) : h(Loading, { lines: 8 }));
  if (!data.preview) {
    const ended = ENDED.has(data.state);
    return h(
      Box,
      { p: 4 },
      h(
        Nothing,
        { title: "There is no preview" },
        ended
          ? "The task preview made none: its log says why."
          : "The task preview writes it first; this page shows it as soon as it is there.",
      ),
    );
  }
  return h(
    Box,
    { p: 4, maxW: "1600px", "data-testid": "meli-backfill" },
    error ? h(Failure, { error, again }) : null,
    h(Waiting, { data, runId }),
    h(Asked, { data }),
    h(Dates, { data, runId, again }),
  );
}

function Waiting({ data, runId }) {
  const { preview, report, approval } = data;
  const answer = h(
    To,
    { to: `${runPath(runId, "meli_backfill")}/tasks/approve/required_actions` },
    "Approve or reject it",
  );
  return [
    approval === "awaiting_input" || approval === "deferred"
      ? h(
          Note,
          { key: "ask", status: "warning", title: "It waits for your answer" },
          "Nothing runs before somebody has seen the preview below. ",
          answer,
          ".",
        )
      : null,
    report?.state === "rejected"
      ? h(
          Note,
          { key: "no", status: "info", title: "Rejected" },
          `${report.rejected_by || "Somebody"} turned it down: nothing was run.`,
        )
      : null,
    ...preview.warnings.map((warning) => h(Note, { key: warning, status: "info" }, warning)),
  ];
}

function Asked({ data: { preview, report } }) {
  const { asked } = preview;
  const overrides = Object.entries(asked.overrides ?? {})
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
    .join(", ");
  const planned = preview.dates.filter((day) => !day.done && !day.problem).length;
  return h(
    Panel,
    { mb: 6 },
    h(
      SimpleGrid,
      { columns: { base: 2, md: 5 }, gap: 4 },
      h(Figure, { label: "Sets" }, asked.sets.join(", "), h(Muted, { display: "block" }, overrides || "no overrides")),
      h(Figure, { label: "Source" }, asked.source),
      h(
        Figure,
        { label: "Dates" },
        `${number(preview.dates.length)}, ${number(planned)} to run`,
        h(Muted, { display: "block" }, `promotion: ${asked.promotion}`),
      ),
      h(
        Figure,
        { label: "Steps" },
        `${number(preview.computed)} to compute`,
        h(
          Muted,
          { display: "block" },
          `${number(preview.cached)} already there${preview.saved_seconds ? `, ${duration(preview.saved_seconds)} saved` : ""}`,
        ),
      ),
      report
        ? h(
            Figure,
            { label: "Came to" },
            `${number(report.computed)} computed, ${number(report.found)} found`,
            h(Muted, { display: "block" }, `${duration(report.seconds)} of work`),
          )
        : h(Figure, { label: "Estimate" }, duration(preview.estimate_seconds) || "none: no past run to go by"),
    ),
  );
}

function Cancel({ data, runId, again }) {
  const [sure, setSure] = useState(false);
  const [state, setState] = useState({});
  if (ENDED.has(data.state)) return null;
  const running = Object.values(data.runs).filter((one) => one === "running" || one === "queued").length;
  const end = async () => {
    setState({ busy: true });
    const path = `dags/meli_backfill/dagRuns/${encodeURIComponent(runId)}`;
    for (let left = TRIES; left > 0; left -= 1) {
      try {
        await ask(path, { base: AIRFLOW, method: "PATCH", body: { state: "failed" } });
        setState({});
        setSure(false);
        again();
        return;
      } catch (error) {
        // A busy database is no refusal, and ending what has ended changes nothing.
        if (error.status < 500 || left === 1) setState({ error });
        if (error.status < 500) return;
        await new Promise((wake) => setTimeout(wake, 1000));
      }
    }
  };
  if (!sure)
    return h(
      Button,
      { size: "sm", variant: "outline", colorPalette: "danger", onClick: () => setSure(true) },
      "Cancel the backfill",
    );
  return h(
    Flex,
    { align: "center", gap: 2, wrap: "wrap", role: "alertdialog", "aria-label": "Cancel the backfill" },
    state.error
      ? h(
          Text,
          { color: "fg.error", fontSize: "sm" },
          state.error.status === 403 ? "You may not change runs of meli_backfill." : state.error.message,
        )
      : null,
    h(
      Muted,
      null,
      running
        ? `${running} run${running > 1 ? "s" : ""} of meli_training end${running > 1 ? "" : "s"} too. What is computed is kept.`
        : "What is computed is kept.",
    ),
    h(Button, { size: "sm", colorPalette: "danger", loading: state.busy, onClick: end, autoFocus: true }, "Cancel it"),
    h(Button, { size: "sm", variant: "outline", onClick: () => setSure(false) }, "Go on"),
  );
}

function dayState(day, data) {
  const ran = data.report?.dates.find((one) => one.date === day.date);
  if (day.problem) return "failed";
  if (ran) return { found: "already there", "not run": "not run" }[ran.state] ?? ran.state;
  if (day.done) return "already there";
  return (
    { success: "done", failed: "failed", running: "running", queued: "queued" }[data.runs[day.run_id]] ?? "to compute"
  );
}

function Dates({ data, runId, again }) {
  const { preview, report } = data;
  const states = preview.dates.map((day) => dayState(day, data));
  const ended = states.filter((state) => !["running", "queued", "to compute"].includes(state)).length;
  const done = preview.dates.length ? ended / preview.dates.length : 1;
  const scores = (day) => {
    const ran = report?.dates.find((one) => one.date === day.date);
    if (day.problem) return h(Box, { color: "fg.error" }, day.problem);
    if (!ran)
      return h(
        Muted,
        null,
        day.computed
          ? `${day.computed} steps${day.estimate_seconds ? `, about ${duration(day.estimate_seconds)}` : ""}`
          : "",
      );
    const failed = Object.entries(ran.failed).map(([name, reason]) =>
      h(Box, { key: `failed ${name}`, color: "fg.error" }, name ? `${name}: ${reason}` : reason),
    );
    const ranked = Object.entries(ran.scores).sort(
      ([, one], [, other]) => other.balanced_accuracy - one.balanced_accuracy,
    );
    return [
      ...ranked.map(([name, { balanced_accuracy: score }]) =>
        h(Box, { key: name, whiteSpace: "nowrap" }, `${name} `, h("b", null, share(score))),
      ),
      ...failed,
    ];
  };
  return h(
    Section,
    { title: "Dates", beside: h(Cancel, { data, runId, again }) },
    h(
      Flex,
      { align: "center", gap: 3, mb: 3 },
      h(
        Box,
        {
          flex: 1,
          h: "6px",
          borderRadius: "full",
          bg: "bg.emphasized",
          overflow: "hidden",
          role: "progressbar",
          "aria-valuenow": Math.round(done * 100),
          "aria-valuemin": 0,
          "aria-valuemax": 100,
          "aria-label": "Dates done",
        },
        h(Box, { h: "100%", w: `${done * 100}%`, bg: "success.solid", transition: "width 0.5s" }),
      ),
      h(Muted, { "aria-live": "polite" }, `${ended} of ${preview.dates.length} dates done`),
    ),
    h(Rows, {
      label: "Dates",
      rows: preview.dates,
      rowKey: (day) => day.date,
      columns: [
        { key: "date", title: "Date", cell: (day) => h("b", null, day.date), props: { whiteSpace: "nowrap" } },
        { key: "state", title: "State", cell: (day, place) => h(State, { of: states[place] }) },
        {
          key: "cached",
          title: "Already there",
          numeric: true,
          cell: (day) => (day.problem ? "" : number(day.cached)),
        },
        { key: "scores", title: report ? "Balanced accuracy" : "To do", cell: scores },
        {
          key: "run",
          title: "Run",
          cell: (day) =>
            data.runs[day.run_id] ? h(To, { to: runTab(day.run_id) }, day.run_id) : h(Muted, null, day.run_id),
          props: { wordBreak: "break-word" },
        },
      ],
    }),
    h(
      Muted,
      { display: "block", mt: 2 },
      `Preview of ${moment(preview.at)}. Ask for the same again, or clear a failed date, to resume: what is there is not computed again.`,
    ),
  );
}
