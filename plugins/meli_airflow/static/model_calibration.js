// Whether a model's probabilities can be trusted: reliability, and what abstaining where it is not sure would gain.
import { h, UI } from "./airflow.js";
import { Chart, COLOURS } from "./chart.js";
import { formatDecimal, formatNumber } from "./format.js";
import { Muted, Section } from "./parts.js";
import { table } from "./table.js";

/** @typedef {import("../types/responses").AbstentionPoint} AbstentionPoint */
/** @typedef {import("../types/responses").Answering} Answering */
/** @typedef {import("../types/responses").Model} ModelResponse */
/** @typedef {import("../types/responses").ReliabilityBin} ReliabilityBin */
/** @typedef {import("./axis.js").Point} Point */

const { Box, SimpleGrid } = UI;
const [ACCURACY = "", COVERAGE = ""] = COLOURS;
const GREY = "--chakra-colors-fg-muted";

/** @param {{data: ModelResponse}} props */
export function Calibration({ data: { reliability, abstention, answering, figures } }) {
  if (reliability.length === 0 && abstention.length === 0) return null; // the note above says that it was not measured
  const error = formatDecimal(figures?.calibration_error);
  return h(
    Section,
    {
      title: "Calibration",
      beside: error ? h(Muted, null, `expected calibration error ${error}`) : null,
    },
    h(
      SimpleGrid,
      { columns: { base: 1, lg: 2 }, gap: 8 },
      h(Reliability, { bins: reliability }),
      h(Abstention, { points: abstention, answering }),
    ),
  );
}

/**
 * Values that stand behind a chart, folded.
 * @param {{children?: import("react").ReactNode}} props
 */
const Values = ({ children }) =>
  h(
    Box,
    { as: "details", mt: 2, fontSize: "sm" },
    h(Box, { as: "summary", cursor: "pointer", color: "fg.info" }, "Values as a table"),
    h(Box, { mt: 2 }, children),
  );

/** @param {{bins: ReliabilityBin[]}} props */
const Reliability = ({ bins }) =>
  h(
    Box,
    { minW: 0 },
    h(Chart, {
      title: "Reliability",
      xTitle: "probability",
      series: [
        {
          label: "right answers",
          colour: ACCURACY,
          points: bins.map((one) => /** @type {Point} */ ([one.probability, one.accuracy])),
        },
        {
          label: "if perfectly calibrated",
          colour: GREY,
          dashed: true,
          points: bins.map((one) => /** @type {Point} */ ([one.probability, one.probability])),
        },
      ],
    }),
    h(
      Muted,
      { display: "block", mt: 1 },
      "Each point stands for about as many test titles: how probable the model found its answers, and how many of " +
        "them were right. Below the dashed line it is surer than it should be.",
    ),
    h(
      Values,
      null,
      table({
        label: "Reliability",
        rows: bins,
        rowKey: (one) => one.lowest,
        columns: [
          {
            key: "range",
            title: "Probability",
            cell: (one) => `${formatDecimal(one.lowest)} to ${formatDecimal(one.highest)}`,
          },
          { key: "mean", title: "Mean", numeric: true, cell: (one) => formatDecimal(one.probability) },
          { key: "accuracy", title: "Right answers", numeric: true, cell: (one) => formatDecimal(one.accuracy) },
          { key: "titles", title: "Titles", numeric: true, wide: true, cell: (one) => formatNumber(one.titles) },
        ],
      }),
    ),
  );

/** @param {{points: AbstentionPoint[], answering: Answering[]}} props */
const Abstention = ({ points, answering }) =>
  h(
    Box,
    { minW: 0 },
    h(Chart, {
      title: "If it abstains where it is not sure",
      xTitle: "fraction of titles answered",
      series: [
        {
          label: "right answers",
          colour: COVERAGE,
          points: points.map((one) => /** @type {Point} */ ([one.coverage, one.accuracy])),
        },
      ],
    }),
    h(
      Muted,
      { display: "block", mt: 1 },
      "A model that answers only where its prediction is at least as probable as a threshold answers fewer titles " +
        "(to the left) and is right more often (upwards).",
    ),
    answering.map((one) => h(Muted, { key: one.accuracy, display: "block", mt: 1 }, answeringText(one))),
    h(
      Values,
      null,
      table({
        label: "Abstention",
        rows: points,
        rowKey: (one) => one.threshold,
        columns: [
          { key: "threshold", title: "Threshold", numeric: true, cell: (one) => formatDecimal(one.threshold) },
          { key: "coverage", title: "Titles answered", numeric: true, cell: (one) => formatDecimal(one.coverage) },
          { key: "accuracy", title: "Right answers", numeric: true, cell: (one) => formatDecimal(one.accuracy) },
        ],
      }),
    ),
  );

/** @param {number} fraction */
const percent = (fraction) => `${formatNumber(Math.round(fraction * 1000) / 10)} %`;

/**
 * What it takes to be right this often, in a sentence.
 * @param {Answering} answering
 */
const answeringText = ({ accuracy, point }) =>
  point
    ? `For ${percent(accuracy)} right answers: threshold ${formatDecimal(point.threshold)}, ` +
      `which answers ${percent(point.coverage)} of the titles.`
    : `No threshold gives ${percent(accuracy)} right answers.`;
