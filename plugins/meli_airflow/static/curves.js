// The learning curves of training runs over each other: only one quantity on an axis, and the kept epochs marked.
import { h, UI, useState } from "./airflow.js";
import { Chart } from "./chart.js";
import { Muted } from "./parts.js";
import { Toggle } from "./toggle.js";

/** @typedef {import("../types/responses").Epoch} Epoch */
/** @typedef {import("./axis.js").Point} Point */
/** @typedef {import("./axis.js").Series} Series */
/** @typedef {"validation_balanced_accuracy" | "validation_loss" | "train_cross_entropy" | "train_loss"} Quantity */
/**
 * A training run in a chart. `name` goes before the name of each of its lines; it is empty if there is only one run.
 * `mark` is the text at its kept epoch, and `kept` the line that says why that one was kept.
 * @typedef {object} CurveSource
 * @property {string} name
 * @property {string} mark
 * @property {readonly Epoch[]} epochs
 * @property {string} colour
 * @property {string} trainingColour
 * @property {number | null} keptEpoch
 * @property {string} kept
 * @property {boolean | null} dropout
 */

const { Box, Flex, SimpleGrid } = UI;
/** Of more runs the training losses are left out at first: there would be too many lines. */
const FEW = 3;

/** @param {readonly Epoch[]} epochs @param {Quantity} key @returns {Point[]} */
const points = (epochs, key) =>
  epochs.flatMap((epoch) => {
    const value = epoch[key];
    return typeof value === "number" && Number.isFinite(value) ? [[epoch.epoch, value]] : [];
  });

/** @param {CurveSource} source @param {string} line */
const labelOf = ({ name }, line) => (name ? `${name}, ${line}` : line);

/** @param {CurveSource} source @param {Quantity} key @returns {Series} */
const validation = (source, key) => ({
  label: labelOf(source, "validation"),
  colour: source.colour,
  points: points(source.epochs, key),
  mark: source.keptEpoch === null ? undefined : { x: source.keptEpoch, text: source.mark },
});

/** @param {CurveSource} source @param {Quantity} key @param {string} line @returns {Series} */
const training = (source, key, line) => ({
  label: labelOf(source, line),
  colour: source.trainingColour,
  dashed: true,
  points: points(source.epochs, key),
});

/** @param {CurveSource} source */
const trainingLine = ({ dropout }) => (dropout === false ? "training" : "training, with dropout");

/** @param {CurveSource} source */
const hasPlainLoss = ({ epochs }) => points(epochs, "train_cross_entropy").length > 0;

/**
 * The charts of the training runs over their epochs.
 *
 * Validation reports the plain cross-entropy, and so does training beside the loss that it minimizes. That one has
 * margin, smoothing and weights in it, so it gets a chart of its own, and only for the histories of earlier versions,
 * which hold no plain one for training.
 * @param {{sources: readonly CurveSource[], sync: string, children?: import("react").ReactNode}} props
 */
export function LearningCurves({ sources, sync, children }) {
  const [log, setLog] = useState(false);
  const [withTraining, setWithTraining] = useState(sources.length <= FEW);
  const perEpoch = { xTitle: "epoch", whole: true, sync };
  const objectives = sources
    .filter((source) => !hasPlainLoss(source))
    .map((source) => training(source, "train_loss", "training"));
  const losses = withTraining
    ? sources.map((source) => training(source, "train_cross_entropy", trainingLine(source)))
    : [];
  return h(
    Box,
    { mb: 6 },
    h(
      Flex,
      { gap: 4, wrap: "wrap", justify: "flex-end", mb: 2 },
      sources.some(hasPlainLoss)
        ? h(Toggle, { label: "Training loss", on: withTraining, onChange: setWithTraining })
        : null,
      h(Toggle, { label: "Log scale of losses", on: log, onChange: setLog }),
    ),
    h(
      SimpleGrid,
      { columns: { base: 1, lg: 2 }, gap: 6 },
      h(Chart, {
        title: "Balanced accuracy",
        ...perEpoch,
        series: sources.map((source) => validation(source, "validation_balanced_accuracy")),
      }),
      h(Chart, {
        title: "Cross-entropy",
        ...perEpoch,
        log,
        series: [...sources.map((source) => validation(source, "validation_loss")), ...losses],
      }),
      objectives.some((line) => line.points.length > 0)
        ? h(Chart, {
            title: "Training objective, with margin, smoothing and weights: not comparable with the cross-entropy",
            ...perEpoch,
            log,
            series: objectives,
          })
        : null,
      children,
    ),
    h(Kept, { sources }),
    sources.some(hasPlainLoss) ? h(Muted, { display: "block", mt: 1 }, kindOfLoss(sources)) : null,
  );
}

/**
 * What the two losses have in common, and in what they differ.
 * @param {readonly CurveSource[]} sources
 */
function kindOfLoss(sources) {
  const dropped = sources.some((source) => hasPlainLoss(source) && source.dropout !== false);
  return (
    "Both losses are the plain cross-entropy, without margin, smoothing or weights. The training loss is the mean over " +
    `each epoch, while the model still learns${dropped ? " and with dropout" : ""}; the validation loss is measured ` +
    `after it${dropped ? ", without dropout, so it may well be the lower one" : ""}.`
  );
}

/**
 * Which epoch of each run was kept, and why.
 * @param {{sources: readonly CurveSource[]}} props
 */
function Kept({ sources }) {
  const known = sources.filter(({ kept }) => kept);
  if (known.length === 0) return null;
  return h(
    Box,
    { as: "ul", listStyleType: "none", mt: 2, "aria-label": "Kept epochs" },
    known.map(({ name, kept, colour }) =>
      h(
        Flex,
        { as: "li", key: name, align: "baseline", gap: 2, fontSize: "sm" },
        h(
          "svg",
          { width: 12, height: 12, "aria-hidden": true, style: { flexShrink: 0 } },
          h("circle", { cx: 6, cy: 6, r: 4.5, fill: "none", stroke: `var(${colour})`, strokeWidth: 2 }),
        ),
        h("span", null, name ? `${name}: ${kept}` : kept),
      ),
    ),
  );
}
