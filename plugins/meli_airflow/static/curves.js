// The learning curves of one or two training runs: only one quantity on an axis.
import { h, UI } from "./airflow.js";
import { Chart } from "./chart.js";

/** @typedef {import("../types/responses").Epoch} Epoch */
/** @typedef {import("./axis.js").Point} Point */
/** @typedef {"validation_balanced_accuracy" | "validation_loss" | "train_cross_entropy" | "train_loss"} Quantity */
/**
 * A training run in a chart: `prefix` goes before the name of each of its lines.
 * @typedef {{prefix: string, epochs: readonly Epoch[], colour: string, trainingColour: string}} CurveSource
 */

const { SimpleGrid } = UI;

/** @param {readonly Epoch[]} epochs @param {Quantity} key @returns {Point[]} */
const points = (epochs, key) =>
  epochs.flatMap((epoch) => {
    const value = epoch[key];
    return typeof value === "number" && Number.isFinite(value) ? [[epoch.epoch, value]] : [];
  });

/**
 * The charts of the training runs over their epochs.
 *
 * Validation reports the plain cross-entropy. The loss that is minimized has margin, smoothing and weights in it, so it
 * gets a chart of its own, and only for the histories of earlier versions, which hold no plain one for training.
 * @param {{sources: readonly CurveSource[], sync: string, children?: import("react").ReactNode}} props
 */
export function LearningCurves({ sources, sync, children }) {
  const perEpoch = { xTitle: "epoch", whole: true, sync };
  const validation = (/** @type {Quantity} */ key) =>
    sources.map(({ prefix, epochs, colour }) => ({
      label: `${prefix}validation`,
      colour,
      points: points(epochs, key),
    }));
  const training = (/** @type {Quantity} */ key, /** @type {string} */ name) =>
    sources.map(({ prefix, epochs, trainingColour }) => ({
      label: prefix + name,
      colour: trainingColour,
      dashed: true,
      points: points(epochs, key),
    }));
  const objectives = training("train_loss", "training").filter(
    (_, position) => points(sources[position]?.epochs ?? [], "train_cross_entropy").length === 0,
  );
  return h(
    SimpleGrid,
    { columns: { base: 1, lg: 2 }, gap: 6, mb: 6 },
    h(Chart, { title: "Balanced accuracy", ...perEpoch, series: validation("validation_balanced_accuracy") }),
    h(Chart, {
      title: "Cross-entropy",
      ...perEpoch,
      series: [...validation("validation_loss"), ...training("train_cross_entropy", "training, with dropout")],
    }),
    objectives.some((line) => line.points.length > 0)
      ? h(Chart, {
          title: "Training objective, with margin, smoothing and weights: not comparable with the cross-entropy",
          ...perEpoch,
          series: objectives,
        })
      : null,
    children,
  );
}
