// The tab on a DAG run: what was computed and what was there already, its leaderboard, its decision.
import { duration, h, moment, runTab, UI, useAnswer } from "./base.js";
import { Backfill } from "./backfill.js";
import { Gates } from "./decisions.js";
import { Leaderboard, OF_A_RUN } from "./leaderboard.js";
import { Failure, Figure, Loading, Muted, Note, Nothing, Panel, Rows, Section, State, To } from "./parts.js";

const { Box, Flex, SimpleGrid, Text } = UI;
const ENDED = new Set(["success", "failed"]);

export function RunTab({ dagId, runId }) {
  if (dagId === "meli_training") return h(Run, { runId });
  if (dagId === "meli_backfill") return h(Backfill, { runId });
  return h(
    Box,
    { p: 4 },
    h(
      Nothing,
      { title: "Nothing to show here" },
      "This tab belongs to the runs of ",
      h(To, { to: "/dags/meli_training" }, "meli_training"),
      ".",
    ),
  );
}

function Run({ runId }) {
  const { data, error, again } = useAnswer(`runs/${encodeURIComponent(runId)}`, (run) =>
    run.state && !ENDED.has(run.state) ? 3 : 0,
  );
  if (data === undefined) return h(Box, { p: 4 }, error ? h(Failure, { error, again }) : h(Loading, { lines: 8 }));
  if (!data.plan) {
    return h(
      Box,
      { p: 4 },
      h(
        Nothing,
        { title: "There is no plan" },
        ENDED.has(data.state)
          ? "The task plan made none: its log says why."
          : "The task plan writes it first; this page shows it as soon as it is there.",
      ),
    );
  }
  return h(
    Box,
    { p: 4, maxW: "1600px", "data-testid": "meli-run" },
    error ? h(Failure, { error, again }) : null,
    data.nothing_new ? h(Note, { status: "info", title: "Nothing new" }, data.nothing_new) : null,
    h(Totals, { data }),
    h(Decision, { data }),
    h(Results, { data }),
    h(Steps, { data }),
  );
}

function Totals({ data }) {
  const of = (state) => data.steps.filter((step) => step.state === state);
  const sum = (steps, key) => steps.reduce((total, step) => total + (step[key] ?? 0), 0);
  const [there, computed] = [of("already there"), of("computed")];
  const left = data.steps.length - there.length - computed.length;
  return h(
    Panel,
    { mb: 6 },
    h(
      SimpleGrid,
      { columns: { base: 2, md: 5 }, gap: 4 },
      h(
        Figure,
        { label: "Data" },
        data.source,
        h(Muted, { display: "block" }, data.as_of ? `as of ${data.as_of}` : ""),
      ),
      h(Figure, { label: "Sets" }, data.sets.join(", ")),
      h(
        Figure,
        { label: "Computed" },
        `${computed.length} step${computed.length === 1 ? "" : "s"}`,
        h(Muted, { display: "block" }, duration(sum(computed, "seconds"))),
      ),
      h(
        Figure,
        { label: "Already there" },
        `${there.length} step${there.length === 1 ? "" : "s"}`,
        h(Muted, { display: "block" }, there.length ? `${duration(sum(there, "seconds"))} saved` : ""),
      ),
      h(
        Figure,
        { label: left ? "Still to do" : "Estimate" },
        left ? `${left} step${left === 1 ? "" : "s"}` : duration(data.estimate_seconds) || "none",
        h(
          Muted,
          { display: "block" },
          left && data.estimate_seconds ? `${duration(data.estimate_seconds)} estimated in all` : "",
        ),
      ),
    ),
  );
}

function Decision({ data: { decision } }) {
  if (!decision) return null;
  return h(
    Section,
    { title: "Decision" },
    h(
      Panel,
      null,
      h(
        Flex,
        { gap: 3, align: "center", wrap: "wrap", mb: decision.gates.length ? 3 : 0 },
        h(State, { of: decision.action }),
        h(Text, { fontSize: "sm" }, decision.reason),
        h(Muted, null, `decision ${decision.number}, ${moment(decision.at)}`),
      ),
      decision.gates.length ? h(Gates, { gates: decision.gates }) : null,
    ),
  );
}

function Results({ data }) {
  const measured = data.rows.filter((row) => row.state === "measured");
  const ranked = [...measured].sort((one, other) => other.balanced_accuracy - one.balanced_accuracy);
  const link =
    ranked.length > 1
      ? h(
          To,
          { fontSize: "sm", to: `/plugin/models?${new URLSearchParams({ left: ranked[1].id, right: ranked[0].id })}` },
          "Compare the best two",
        )
      : null;
  if (!data.measured) {
    const failed = data.state === "failed";
    return h(
      Section,
      { title: "Leaderboard" },
      h(
        Nothing,
        { title: failed ? "Nothing was measured" : "Not measured yet" },
        failed
          ? "The run failed before evaluate; the failed task's log says why."
          : "The task evaluate measures every model on the same test titles when the trainings are done.",
      ),
    );
  }
  return h(
    Section,
    { title: "Leaderboard", beside: link },
    h(Leaderboard, { rows: data.rows, columns: OF_A_RUN, linked: new Set(), sorted: ["balanced_accuracy", "down"] }),
  );
}

function Progress({ step }) {
  const { progress } = step;
  if (progress.error) return h(Box, { color: "fg.error", whiteSpace: "pre-wrap" }, progress.error);
  const words = [
    progress.epoch && `epoch ${progress.epoch}${progress.epochs ? ` of ${progress.epochs}` : ""}`,
    progress.titles_per_second && `${Math.round(progress.titles_per_second).toLocaleString("en-US")} titles/s`,
    progress.seconds_left && `${duration(progress.seconds_left)} left`,
  ];
  return h(Muted, null, words.filter(Boolean).join(", "));
}

function Steps({ data }) {
  const made = (step) =>
    step.state === "already there" && step.by
      ? h(Muted, null, `on ${moment(step.at)} by `, h(To, { to: runTab(step.by), fontSize: "sm" }, step.by))
      : Object.keys(step.progress).length
        ? h(Progress, { step })
        : step.at
          ? h(Muted, null, moment(step.at))
          : null;
  return h(
    Section,
    { title: "Plan" },
    h(Rows, {
      label: "Plan",
      rows: data.steps,
      rowKey: (step) => `${step.stage} ${step.key}`,
      columns: [
        { key: "stage", title: "Stage", cell: (step) => step.stage },
        {
          key: "name",
          title: "What",
          cell: (step) =>
            h(
              Box,
              { minW: "160px", wordBreak: "break-word" },
              step.name,
              h(
                Muted,
                { display: "block", fontFamily: "mono", fontSize: "xs", title: step.key },
                step.key.slice(0, 12),
              ),
            ),
        },
        { key: "state", title: "State", cell: (step) => h(State, { of: step.state }) },
        {
          key: "seconds",
          title: "Took",
          numeric: true,
          cell: (step) => duration(step.seconds) || "–",
          props: { whiteSpace: "nowrap" },
        },
        {
          key: "estimate",
          title: "Estimate",
          numeric: true,
          cell: (step) => duration(step.estimate) || "–",
          props: { whiteSpace: "nowrap" },
        },
        { key: "made", title: "Made", cell: (step) => h(Box, { minW: "180px" }, made(step)) },
      ],
    }),
  );
}
