// The tab on a training task: its learning curves, live while it trains.
import { duration, h, moment, number, runTab, share, UI, useAnswer } from "./base.js";
import { Chart, COLOURS } from "./chart.js";
import { Failure, Figure, Loading, Muted, Note, Nothing, Panel, Rows, State, To } from "./parts.js";

const { Box, Flex, Heading, SimpleGrid } = UI;
const SECONDS = 2;
const TRAINS = new Set(["train_mlp", "train_cnn"]);
const ENDED = new Set(["success", "failed", "upstream_failed", "skipped", "removed"]);

export function TaskTab({ dagId, runId, taskId, mapIndex }) {
  if (dagId !== "meli_training" || !TRAINS.has(taskId)) {
    return h(
      Box,
      { p: 4 },
      h(
        Nothing,
        { title: "This task trains nothing" },
        "Learning curves are on the tasks train_mlp and train_cnn of ",
        h(To, { to: "/dags/meli_training" }, "meli_training"),
        ".",
      ),
    );
  }
  if (mapIndex === undefined || Number(mapIndex) < 0) {
    return h(
      Box,
      { p: 4 },
      h(Nothing, { title: "One training a set" }, "Choose one of the mapped tasks: each has curves of its own."),
    );
  }
  return h(Training, { runId, taskId, mapIndex });
}

function Training({ runId, taskId, mapIndex }) {
  const asked = new URLSearchParams({ run_id: runId, task_id: taskId, map_index: mapIndex });
  const { data, error, again } = useAnswer(`training?${asked}`, ({ task, state }) =>
    ENDED.has(task.state) && state !== "running" ? 0 : SECONDS,
  );
  if (data === undefined) return h(Box, { p: 4 }, error ? h(Failure, { error, again }) : h(Loading, { lines: 8 }));
  return h(
    Box,
    { p: 4, maxW: "1600px", "data-testid": "meli-training", "data-state": data.state },
    error ? h(Failure, { error, again }) : null,
    h(Now, { data }),
    h(Curves, { data }),
    h(Numbers, { data }),
  );
}

/** Where the training is, in words. */
function Now({ data }) {
  if (!data.set || data.state === "waiting") {
    const ended = ENDED.has(data.task.state);
    const words = {
      queued: "It is queued: a worker takes it next.",
      scheduled: "It waits for a place in the pool gpu.",
      running: "It fetches its titles and vectors; the first figures follow in seconds.",
      up_for_retry: "It failed and is tried again shortly.",
    };
    return h(
      Nothing,
      { title: ended ? "Nothing was trained" : `${data.set || "The set"} does not train yet` },
      ended
        ? `The task ended as ${data.task.state}: its log says why.`
        : (words[data.task.state] ?? "The tasks before it come first."),
    );
  }
  const { progress } = data;
  const failed = data.state === "failed";
  const best = data.epochs.reduce(
    (most, epoch) => (most && most.validation_balanced_accuracy >= epoch.validation_balanced_accuracy ? most : epoch),
    undefined,
  );
  const shownEpoch = data.state === "done" ? data.epochs.length : (progress.epoch ?? data.epochs.length);
  return h(
    Box,
    { mb: 6 },
    failed ? h(Note, { status: "error", title: "The training failed" }, data.error || "Its log says why.") : null,
    failed && data.task.state === "up_for_retry"
      ? h(Note, { status: "info" }, "It is tried again shortly, from its last checkpoint.")
      : null,
    h(
      Panel,
      null,
      h(
        Flex,
        { align: "center", gap: 3, mb: 4, wrap: "wrap" },
        h(Heading, { as: "h2", size: "md" }, data.set),
        h(State, { of: data.state }),
        data.hit
          ? h(
              Muted,
              null,
              "already there: trained on ",
              moment(data.at),
              " by ",
              h(To, { to: runTab(data.made_by), fontSize: "sm" }, data.made_by),
            )
          : null,
      ),
      h(
        SimpleGrid,
        { columns: { base: 2, md: 5 }, gap: 4 },
        h(Figure, { label: "Epoch" }, `${shownEpoch} of ${data.epochs_total}`, h(Bar, { data, progress })),
        h(
          Figure,
          { label: "Best balanced accuracy" },
          best ? share(best.validation_balanced_accuracy) : "–",
          best ? h(Muted, { display: "block" }, `validation, epoch ${best.epoch}`) : null,
        ),
        data.state === "done"
          ? h(Figure, { label: "Took" }, duration(data.seconds))
          : h(
              Figure,
              { label: "Time left" },
              progress.seconds_left === undefined ? "–" : duration(progress.seconds_left),
            ),
        data.state === "done"
          ? h(Figure, { label: "Kept epoch" }, data.kept_epoch ?? "–")
          : h(Figure, { label: "Titles a second" }, number(Math.round(progress.titles_per_second ?? 0)) || "–"),
        h(
          Figure,
          { label: "Architecture" },
          data.architecture,
          h(
            Muted,
            { display: "block", fontFamily: "mono", fontSize: "xs", title: data.key },
            `key ${data.key.slice(0, 12)}`,
          ),
        ),
      ),
    ),
  );
}

/** How far it is, of all its steps. */
function Bar({ data, progress }) {
  const done =
    data.state === "done"
      ? 1
      : progress.steps
        ? progress.step / progress.steps
        : data.epochs.length / (data.epochs_total || 1);
  return h(
    Box,
    {
      mt: 2,
      h: "6px",
      borderRadius: "full",
      bg: "bg.emphasized",
      overflow: "hidden",
      role: "progressbar",
      "aria-valuenow": Math.round(done * 100),
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "aria-label": "Progress of the training",
    },
    h(Box, {
      h: "100%",
      w: `${Math.min(100, done * 100)}%`,
      bg: data.state === "failed" ? "failed.solid" : data.state === "done" ? "success.solid" : "running.solid",
      transition: "width 0.5s",
    }),
  );
}

function Curves({ data }) {
  const of = (key) =>
    data.epochs.filter((epoch) => Number.isFinite(epoch[key])).map((epoch) => [epoch.epoch, epoch[key]]);
  if (data.epochs.length === 0 && data.losses.length === 0) return null;
  const losses = data.losses.filter(([, loss]) => Number.isFinite(loss));
  return h(
    SimpleGrid,
    { columns: { base: 1, lg: losses.length && data.state !== "done" ? 3 : 2 }, gap: 6, mb: 6 },
    h(Chart, {
      title: "Balanced accuracy",
      xTitle: "epoch",
      whole: true,
      series: [{ label: "validation", colour: COLOURS[0], points: of("validation_balanced_accuracy") }],
    }),
    h(Chart, {
      title: "Loss",
      xTitle: "epoch",
      whole: true,
      series: [
        { label: "validation", colour: COLOURS[0], points: of("validation_loss") },
        { label: "training", colour: COLOURS[1], dashed: true, points: of("train_loss") },
      ],
    }),
    losses.length && data.state !== "done"
      ? h(Chart, {
          title: "Training loss",
          xTitle: "step",
          whole: true,
          series: [{ label: "now", colour: COLOURS[1], points: losses }],
        })
      : null,
  );
}

function Numbers({ data }) {
  if (data.epochs.length === 0) return null;
  const figure = (key, title, digits = 4) => ({
    key,
    title,
    numeric: true,
    cell: (epoch) => share(epoch[key], digits),
  });
  return h(Rows, {
    label: "Epochs",
    rows: [...data.epochs].reverse(),
    rowKey: (epoch) => epoch.epoch,
    columns: [
      { key: "epoch", title: "Epoch", numeric: true, cell: (epoch) => epoch.epoch },
      figure("validation_balanced_accuracy", "Balanced accuracy"),
      figure("validation_loss", "Validation loss"),
      figure("train_loss", "Training loss"),
      {
        key: "learning_rate",
        title: "Learning rate",
        numeric: true,
        cell: (epoch) => (epoch.learning_rate === undefined ? "" : Number(epoch.learning_rate).toPrecision(3)),
      },
      figure("seconds", "Seconds", 1),
    ],
  });
}
