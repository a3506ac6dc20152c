// The tab on a training task: its learning curves, updated while it trains.
import { StopTraining } from "./actions.js";
import { formatDateTime, h, runTab, UI } from "./airflow.js";
import { Part } from "./boundary.js";
import { Chart, COLOURS } from "./chart.js";
import { LearningCurves } from "./curves.js";
import { duration, formatDecimal, formatNumber } from "./format.js";
import {
  AppLink,
  EmptyState,
  LabeledValue,
  LoadError,
  Loading,
  Muted,
  Note,
  Panel,
  ProgressBar,
  StateBadge,
  Tab,
} from "./parts.js";
import { SECONDS_AFTER_THE_END, useServer } from "./server.js";
import { table } from "./table.js";

/** @typedef {import("../types/responses").Training} TrainingResponse */
/** @typedef {import("../types/responses").Epoch} Epoch */
/** @typedef {{data: TrainingResponse}} Props */

const { Box, Flex, Heading, SimpleGrid } = UI;
const SECONDS = 2;
const TRAINING_TASKS = new Set(["train_mlp", "train_cnn"]);
const FINISHED_TASK = new Set(["success", "failed", "upstream_failed", "skipped", "removed"]);
/** @type {Record<string, string>} */
const BEFORE_TRAINING = {
  queued: "The task is queued for a worker.",
  scheduled: "The task is waiting for a slot in the pool gpu.",
  running: "The task is fetching its titles and vectors. The first values appear within seconds.",
  up_for_retry: "The task failed and will be retried shortly.",
};

/** @param {{dagId: string, runId: string, taskId: string, mapIndex?: string | number}} props as Airflow passes them */
export function TaskTab({ dagId, runId, taskId, mapIndex }) {
  if (dagId !== "meli_training" || !TRAINING_TASKS.has(taskId)) {
    return h(
      Tab,
      null,
      h(
        EmptyState,
        { title: "This task has no training curves" },
        "Learning curves are on the tasks train_mlp and train_cnn of ",
        h(AppLink, { to: "/dags/meli_training" }, "meli_training"),
        ".",
      ),
    );
  }
  if (mapIndex === undefined || Number(mapIndex) < 0) {
    return h(
      Tab,
      null,
      h(EmptyState, { title: "Each set has its own curves" }, "Choose one of the mapped tasks to see its curves."),
    );
  }
  return h(Training, { runId, taskId, mapIndex: String(mapIndex) });
}

/** @param {{runId: string, taskId: string, mapIndex: string}} props */
function Training({ runId, taskId, mapIndex }) {
  const query = new URLSearchParams({ run_id: runId, task_id: taskId, map_index: mapIndex });
  /** @type {import("./server.js").Loaded<TrainingResponse>} */
  const { data, error, reload } = useServer(`training?${query}`, ({ task, state }) =>
    FINISHED_TASK.has(task.state ?? "") && state !== "running" ? SECONDS_AFTER_THE_END : SECONDS,
  );
  if (data === undefined) return h(Tab, null, error ? h(LoadError, { error, reload }) : h(Loading, { lines: 8 }));
  return h(
    Tab,
    { "data-testid": "meli-training", "data-state": data.state },
    error ? h(LoadError, { error, reload }) : null,
    !data.set || data.state === "waiting" ? h(NotStarted, { data }) : h(Status, { data }),
    data.state === "running" && data.set ? h(StopTraining, { runId, taskId, mapIndex, set: data.set, reload }) : null,
    h(Part, { title: "The learning curves" }, h(Curves, { data })),
    h(Part, { title: "The table of epochs" }, h(Epochs, { data })),
  );
}

/** @param {Props} props */
function NotStarted({ data }) {
  const state = data.task.state ?? "";
  return FINISHED_TASK.has(state)
    ? h(EmptyState, { title: "No training took place" }, `The task ended in state ${state}. Its log has the reason.`)
    : h(
        EmptyState,
        { title: data.set ? `${data.set} has not started training` : "The training has not started" },
        BEFORE_TRAINING[state] ?? "Earlier tasks have to finish first.",
      );
}

/**
 * How far the training is, or how it ended.
 * @param {Props} props
 */
function Status({ data }) {
  const failed = data.state === "failed";
  return h(
    Box,
    { mb: 6 },
    failed
      ? h(Note, { status: "error", title: "The training failed" }, data.error || "The task's log has the reason.")
      : null,
    failed && data.task.state === "up_for_retry"
      ? h(Note, null, "It will be retried shortly, from its last checkpoint.")
      : null,
    h(
      Panel,
      null,
      h(
        Flex,
        { align: "center", gap: 3, mb: 4, wrap: "wrap" },
        h(Heading, { as: "h2", size: "md" }, data.set),
        h(StateBadge, { of: data.state }),
        data.hit
          ? h(
              Muted,
              null,
              "reused: trained on ",
              formatDateTime(data.at),
              " by ",
              h(AppLink, { to: runTab(data.made_by), fontSize: "sm" }, data.made_by),
            )
          : null,
      ),
      h(Figures, { data }),
    ),
  );
}

/** @param {Epoch} epoch a score that is not finite is stored as none */
const scoreOf = (epoch) => epoch.validation_balanced_accuracy ?? Number.NEGATIVE_INFINITY;

/**
 * The epoch with the best validation score, the earlier one of two.
 * @param {Epoch[]} epochs
 */
const bestOf = (epochs) =>
  epochs.reduce(
    (/** @type {Epoch | undefined} */ best, epoch) => (best && scoreOf(best) >= scoreOf(epoch) ? best : epoch),
    undefined,
  );

/** @param {Props} props */
function Figures({ data }) {
  const { progress, epochs, state, key } = data;
  const done = state === "done";
  const best = bestOf(epochs);
  const epoch = done ? epochs.length : (progress.epoch ?? epochs.length);
  return h(
    SimpleGrid,
    { columns: { base: 1, sm: 2, md: 5 }, gap: 4 },
    h(LabeledValue, { label: "Epoch" }, `${epoch} of ${data.epochs_total}`, h(Bar, { data })),
    h(
      LabeledValue,
      { label: "Best balanced accuracy" },
      best ? formatDecimal(best.validation_balanced_accuracy) : "–",
      best ? h(Muted, { display: "block" }, `validation, epoch ${best.epoch}`) : null,
    ),
    h(
      LabeledValue,
      { label: done ? "Duration" : "Time left" },
      duration(done ? data.seconds : progress.seconds_left) || "–",
    ),
    done
      ? h(KeptEpoch, { data, best })
      : h(LabeledValue, { label: "Titles per second" }, formatNumber(Math.round(progress.titles_per_second ?? 0))),
    h(
      LabeledValue,
      { label: "Architecture" },
      data.architecture,
      h(Muted, { display: "block", fontFamily: "mono", fontSize: "xs", title: key }, `key ${key.slice(0, 12)}`),
    ),
  );
}

/**
 * The epoch whose weights became the model, and why.
 * @param {Props & {best: Epoch | undefined}} props
 */
function KeptEpoch({ data: { epochs, kept_epoch: kept, kept: line }, best }) {
  const score = epochs.find(({ epoch }) => epoch === kept)?.validation_balanced_accuracy;
  return h(
    LabeledValue,
    { label: "Epoch used" },
    kept ?? "–",
    typeof score === "number" && kept !== best?.epoch
      ? h(Muted, { display: "block" }, `balanced accuracy ${formatDecimal(score)}`)
      : null,
    h(Muted, { display: "block" }, line.replace(/^epoch \d+ kept: /, "")),
  );
}

/**
 * The fraction of its steps that the training has done.
 * @param {Props} props
 */
function Bar({ data: { state, progress, epochs, epochs_total: total } }) {
  const fraction = progress.steps ? (progress.step ?? 0) / progress.steps : epochs.length / (total || 1);
  const color = { failed: "failed.solid", done: "success.solid" }[state] ?? "running.solid";
  return h(ProgressBar, { label: "Training progress", done: state === "done" ? 1 : fraction, color, mt: 2 });
}

/** @param {Props} props */
function Curves({ data }) {
  if (data.epochs.length === 0 && data.losses.length === 0) return null;
  const losses = data.losses.filter(([, loss]) => Number.isFinite(loss));
  const [colour = "", trainingColour = ""] = COLOURS;
  const { epochs, kept_epoch: keptEpoch, kept, dropout } = data;
  const source = { name: "", mark: "", epochs, colour, trainingColour, keptEpoch, kept, dropout };
  return h(
    LearningCurves,
    { sources: [source], sync: "epochs" },
    losses.length > 0 && data.state !== "done"
      ? h(Chart, {
          title: "Training objective at each step",
          xTitle: "step",
          whole: true,
          series: [{ label: "with margin, smoothing and weights", colour: trainingColour, points: losses }],
        })
      : null,
  );
}

/** @param {Props} props */
function Epochs({ data: { epochs } }) {
  if (epochs.length === 0) return null;
  /**
   * @param {keyof Epoch} key
   * @param {string} title
   * @returns {import("./table.js").Column<Epoch>}
   */
  const column = (key, title, digits = 4) => ({
    key,
    title,
    numeric: true,
    cell: (epoch) => formatDecimal(epoch[key], digits),
  });
  return table({
    label: "Epochs",
    rows: [...epochs].reverse(),
    rowKey: ({ epoch }) => epoch,
    columns: [
      column("epoch", "Epoch", 0),
      column("validation_balanced_accuracy", "Balanced accuracy"),
      column("validation_loss", "Validation cross-entropy"),
      { ...column("train_cross_entropy", "Training cross-entropy"), wide: true },
      { ...column("train_loss", "Training objective"), wide: true },
      {
        key: "learning_rate",
        title: "Learning rate",
        numeric: true,
        wide: true,
        cell: ({ learning_rate: rate }) => (typeof rate === "number" ? rate.toPrecision(3) : ""),
      },
      { ...column("seconds", "Seconds", 1), wide: true },
    ],
  });
}
