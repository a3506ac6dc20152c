// Two models side by side: scores, learning curves in one chart, better and worse categories, parameters.
import { formatDateTime, h, UI, useState } from "./airflow.js";
import { Categories } from "./categories.js";
import { Chart, COLOURS } from "./chart.js";
import { formatDecimal, formatSigned, formatValue } from "./format.js";
import { AppLink, EmptyState, LoadError, Loading, Muted, Note, Page, Panel, Section, table } from "./parts.js";
import { useServer } from "./server.js";

/** @typedef {import("../types/responses").Comparison} ComparisonResponse */
/** @typedef {import("../types/responses").ModelRow} ModelRow */
/** @typedef {import("../types/responses").Parameter} Parameter */
/** @typedef {"left" | "right"} Side */
/** @typedef {{data: ComparisonResponse}} Props */
/**
 * @typedef {object} Score
 * @property {"balanced_accuracy" | "accuracy" | "top5" | "macro_f1" | "milliseconds_p95" | "megabytes"} key
 * @property {string} title
 * @property {number} digits
 * @property {boolean} higherIsBetter
 */

const { Box, Flex, Heading, SimpleGrid, Switch } = UI;
const BACK = "/plugin/models";
const [LEFT_COLOUR = "", RIGHT_COLOUR = ""] = COLOURS;
/** @type {Score[]} */
const SCORES = [
  { key: "balanced_accuracy", title: "Balanced accuracy", digits: 4, higherIsBetter: true },
  { key: "accuracy", title: "Accuracy", digits: 4, higherIsBetter: true },
  { key: "top5", title: "Top 5", digits: 4, higherIsBetter: true },
  { key: "macro_f1", title: "Macro F1", digits: 4, higherIsBetter: true },
  { key: "milliseconds_p95", title: "Milliseconds, p95", digits: 2, higherIsBetter: false },
  { key: "megabytes", title: "Megabytes", digits: 1, higherIsBetter: false },
];

/** @param {{left: string, right: string}} props ids of two rows of the leaderboard */
export function Comparison({ left, right }) {
  /** @type {import("./server.js").Loaded<ComparisonResponse>} */
  const { data, error, reload } = useServer(`comparison?${new URLSearchParams({ left, right })}`);
  const back = h(AppLink, { to: BACK, fontSize: "sm" }, "← All models");
  const swapped = `${BACK}?${new URLSearchParams({ left: right, right: left })}`;
  const beside = h(Flex, { gap: 4 }, h(AppLink, { to: swapped, fontSize: "sm" }, "Swap"), back);
  const frame = (/** @type {import("react").ReactNode[]} */ ...children) =>
    h(Page, { title: "Two models side by side", beside }, ...children);
  if (data === undefined) return frame(error ? h(LoadError, { error, reload }) : h(Loading, { lines: 8 }));
  return frame(
    h(
      SimpleGrid,
      { columns: { base: 1, md: 2 }, gap: 4, mb: 6 },
      h(Model, { row: data.left, colour: LEFT_COLOUR }),
      h(Model, { row: data.right, colour: RIGHT_COLOUR }),
    ),
    data.same_titles
      ? null
      : h(
          Note,
          { status: "warning", title: "Evaluated on different test titles" },
          "The two runs used different test titles, so small differences mean nothing. To compare both sets on the same titles, train them in one run.",
        ),
    h(Scores, { data }),
    h(Curves, { data }),
    h(Categories, { data }),
    h(Parameters, { data }),
  );
}

/** @param {{row: ModelRow, colour: string}} props */
const Model = ({ row, colour }) =>
  h(
    Panel,
    { borderLeftWidth: 4, borderLeftColor: `var(${colour})`, py: 3 },
    h(Heading, { as: "h2", size: "md" }, row.set),
    h(Muted, { display: "block", wordBreak: "break-word" }, row.run_id),
    h(Muted, { display: "block" }, `planned ${formatDateTime(row.at)}${row.as_of ? `, data as of ${row.as_of}` : ""}`),
  );

/** @param {Props} props */
function Scores({ data: { left, right } }) {
  /** @param {Score} score */
  const difference = ({ key, digits, higherIsBetter }) => {
    const [from, to] = [left[key], right[key]];
    if (from === null || to === null) return "–";
    const gain = to - from;
    const better = gain > 0 === higherIsBetter ? "fg.success" : "fg.error";
    return h(Box, { as: "span", color: gain === 0 ? "fg.muted" : better }, formatSigned(gain, digits));
  };
  return h(
    Section,
    { title: "Scores" },
    table({
      label: "Scores",
      rows: SCORES.filter(({ key }) => left[key] !== null || right[key] !== null),
      rowKey: ({ key }) => key,
      columns: [
        { key: "name", title: "Score", cell: ({ title }) => title },
        {
          key: "left",
          title: left.set,
          numeric: true,
          cell: ({ key, digits }) => formatDecimal(left[key], digits) || "–",
        },
        {
          key: "right",
          title: right.set,
          numeric: true,
          cell: ({ key, digits }) => formatDecimal(right[key], digits) || "–",
        },
        { key: "difference", title: "Difference", numeric: true, cell: difference },
      ],
    }),
  );
}

/** @param {Props} props */
function Curves({ data: { left, right, curves } }) {
  if (!curves.left.length && !curves.right.length) {
    return h(
      Section,
      { title: "Learning curves" },
      h(EmptyState, { title: "No curves" }, "The store no longer has the history of either training run."),
    );
  }
  const [leftLabel, rightLabel] = left.set === right.set ? ["left", "right"] : [left.set, right.set];
  /**
   * @param {Side} side
   * @param {"validation_balanced_accuracy" | "validation_loss" | "train_loss"} key
   * @returns {import("./axis.js").Point[]}
   */
  const points = (side, key) =>
    curves[side].flatMap((epoch) => {
      const value = epoch[key];
      return value === null || value === undefined ? [] : [[epoch.epoch, value]];
    });
  /** @param {"validation_balanced_accuracy" | "validation_loss" | "train_loss"} key */
  const series = (key, suffix = "", dashed = false) => [
    { label: leftLabel + suffix, colour: LEFT_COLOUR, points: points("left", key), dashed },
    { label: rightLabel + suffix, colour: RIGHT_COLOUR, points: points("right", key), dashed },
  ];
  const perEpoch = { xTitle: "epoch", whole: true, sync: "comparison" };
  return h(
    Section,
    { title: "Learning curves" },
    h(
      SimpleGrid,
      { columns: { base: 1, lg: 2 }, gap: 6 },
      h(Chart, {
        title: "Validation balanced accuracy",
        ...perEpoch,
        series: series("validation_balanced_accuracy"),
      }),
      h(Chart, {
        title: "Loss",
        ...perEpoch,
        series: [...series("validation_loss", ", validation"), ...series("train_loss", ", training", true)],
      }),
    ),
  );
}

/** @param {Props} props */
function Parameters({ data: { left, right, parameters } }) {
  const [onlyDifferent, setOnlyDifferent] = useState(true);
  const different = parameters.filter((line) => line.differs);
  const rows = onlyDifferent ? different : parameters;
  const toggle = h(
    Switch.Root,
    {
      size: "sm",
      checked: onlyDifferent,
      onCheckedChange: (/** @type {{checked: boolean}} */ { checked }) => setOnlyDifferent(checked),
    },
    h(Switch.HiddenInput),
    h(Switch.Control, null, h(Switch.Thumb)),
    h(Switch.Label, null, "Only differences"),
  );
  return h(
    Section,
    {
      title: "Parameters",
      beside: h(
        Flex,
        { gap: 4, align: "center", wrap: "wrap" },
        h(Muted, null, `${different.length} of ${parameters.length} differ`),
        toggle,
      ),
    },
    rows.length === 0
      ? h(EmptyState, { title: "All parameters are the same" }, "The models differ by their data or by chance.")
      : table({
          label: "Parameters",
          rows,
          rowKey: (line) => line.name,
          columns: [
            { key: "name", title: "Parameter", cell: parameterName },
            { key: "left", title: left.set, cell: (line) => parameterValue(line, "left") },
            { key: "right", title: right.set, cell: (line) => parameterValue(line, "right") },
          ],
        }),
  );
}

/** @param {Parameter} line */
const parameterName = ({ name, differs }) =>
  h(
    Flex,
    { gap: 2, align: "center" },
    name,
    differs ? h(Box, { as: "span", color: "fg.warning", "aria-label": "differs", title: "differs" }, "≠") : null,
  );

/** @param {Parameter} line @param {Side} side */
const parameterValue = (line, side) =>
  h(
    Box,
    {
      as: "span",
      fontFamily: "mono",
      fontSize: "xs",
      fontWeight: line.differs ? "bold" : "normal",
      wordBreak: "break-word",
    },
    formatValue(line[side]),
  );
