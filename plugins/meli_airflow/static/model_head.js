// The head of a model's page: its figure with the interval and the titles behind it, the other figures, who trained it.
import { formatDateTime, h, modelPath, runTab, UI } from "./airflow.js";
import { count, formatDecimal, formatInterval, formatNumber, formatTestSet } from "./format.js";
import { AppLink, LabeledValue, Muted, Note, Panel, StateBadge } from "./parts.js";

/** @typedef {import("../types/responses").Model} ModelResponse */
/** @typedef {{data: ModelResponse}} Props */

const { Box, Flex, SimpleGrid, Text } = UI;

/** @param {Props} props */
export const Head = ({ data }) =>
  h(
    Panel,
    { mb: 8, "data-testid": "model-head" },
    h(
      Flex,
      { justify: "space-between", align: "start", wrap: { base: "wrap", lg: "nowrap" }, gap: 6 },
      h(Figure, { data }),
      h(Origin, { data }),
    ),
    data.figures ? h(Figures, { data }) : null,
    h(Remarks, { data }),
  );

/** @param {Props} props */
function Figure({ data: { figure, test_set: testSet, row, champion } }) {
  const badges = h(
    Flex,
    { gap: 2, wrap: "wrap", mb: 2 },
    champion ? h(StateBadge, { of: "champion" }) : null,
    row.external && !champion ? h(StateBadge, { of: "not run" }, "champion at that time") : null,
    row.state === "evaluated" ? null : h(StateBadge, { of: row.state }),
  );
  if (!figure || !testSet)
    return h(Box, null, badges, h(Muted, { display: "block" }, "No figure: it was not evaluated."));
  return h(
    Box,
    { minW: 0 },
    badges,
    h(
      Text,
      { fontSize: "4xl", fontWeight: "bold", lineHeight: 1.1, fontVariantNumeric: "tabular-nums" },
      formatDecimal(figure.balanced_accuracy),
    ),
    h(Muted, { display: "block" }, `balanced accuracy, 95 % interval ${formatInterval(figure.interval)}`),
    h(Muted, { display: "block" }, `on ${formatTestSet(testSet)}`),
    figure.selection_bias
      ? h(
          Muted,
          { display: "block" },
          `evaluated at ${formatDecimal(figure.evaluated)}, less ${formatDecimal(figure.selection_bias)}: ` +
            "it was selected on these titles",
        )
      : null,
  );
}

/** @param {Props} props */
const Origin = ({ data: { row, parameters, in_airflow: linked, members } }) =>
  h(
    SimpleGrid,
    { columns: { base: 1, sm: 2 }, gap: 4, minW: 0 },
    h(
      LabeledValue,
      { label: row.external ? "Evaluated by" : "Run" },
      linked.includes(row.run_id) ? h(AppLink, { to: runTab(row.run_id) }, row.run_id) : row.run_id,
      h(Muted, { display: "block" }, `planned ${formatDateTime(row.at)}`),
    ),
    h(
      LabeledValue,
      { label: "Recipe" },
      members.length
        ? `ensemble of ${members.length}`
        : String(parameters["train.architecture"] ?? (row.architecture || row.set)),
      members.map((one) =>
        h(
          Box,
          { key: one.train },
          `${formatDecimal(one.weight, 2)} `,
          one.id ? h(AppLink, { to: modelPath(one.id) }, one.set) : one.set,
        ),
      ),
    ),
  );

/** What a figure is, in a line. */
const MEANINGS = {
  accuracy: "of the test titles are in the right category",
  top3: "have it among the three most probable",
  top5: "have it among the five most probable",
  macro: "mean F1 score of the categories",
  calibration: "mean distance of probability and accuracy",
  suspects: "of them are probably wrong",
};

/** @param {Props} props */
function Figures({ data: { row, figures, reference } }) {
  /** @type {[label: string, value: string, meaning: string][]} */
  const values = [
    ["Accuracy", formatDecimal(row.accuracy), MEANINGS.accuracy],
    ["Top 3", formatDecimal(figures?.top3), MEANINGS.top3],
    ["Top 5", formatDecimal(row.top5), MEANINGS.top5],
    ["Macro F1", formatDecimal(row.macro_f1), MEANINGS.macro],
    ["Calibration error", formatDecimal(figures?.calibration_error), MEANINGS.calibration],
    [
      "CPU time per title",
      row.milliseconds_p95 === null ? "" : `${formatDecimal(row.milliseconds_p95, 2)} ms`,
      "95th percentile",
    ],
    ["Size", row.megabytes === null ? "" : `${formatDecimal(row.megabytes, 1)} MB`, "of its files"],
  ];
  return h(
    SimpleGrid,
    { columns: { base: 2, sm: 3, lg: 4, xl: 8 }, gap: 4, mt: 6, "data-testid": "model-figures" },
    values.map(([label, value, meaning]) => h(Value, { key: label, label, value, meaning })),
    reference
      ? h(Value, {
          label: "Reference model",
          value: formatDecimal(reference.balanced_accuracy),
          meaning: `${formatInterval(reference.interval)}; TF-IDF and a linear classifier, on the same titles`,
        })
      : null,
  );
}

/** @param {{label: string, value: string, meaning: string}} props */
const Value = ({ label, value, meaning }) =>
  h(
    LabeledValue,
    { label },
    h(Text, { fontSize: "lg", fontWeight: "semibold", fontVariantNumeric: "tabular-nums" }, value || "not measured"),
    h(Muted, { display: "block", fontSize: "xs" }, meaning),
  );

/**
 * What to know about the figures, and the golden titles that the model gets wrong.
 * @param {Props} props
 */
function Remarks({ data: { notes, figures } }) {
  const golden = figures?.golden;
  const lost = golden?.lost_titles ?? 0;
  return h(
    Box,
    { mt: notes.length || golden ? 4 : 0 },
    notes.map((note) => h(Muted, { key: note, display: "block" }, note)),
    golden && lost === 0
      ? h(Muted, { display: "block" }, `All ${count(golden.titles, "golden title")} keep their category.`)
      : null,
    golden && lost > 0
      ? h(
          Note,
          {
            status: "warning",
            title: `${formatNumber(lost)} of ${count(golden.titles, "golden title")} lost their category`,
          },
          golden.lost
            .map(({ title, category, predicted }) => `${title}: ${predicted} instead of ${category}`)
            .join("\n"),
          lost > golden.lost.length ? `\nand ${formatNumber(lost - golden.lost.length)} more` : "",
        )
      : null,
  );
}
