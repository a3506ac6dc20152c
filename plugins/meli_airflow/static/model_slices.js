// The figures of a model on parts of the test titles: by language, label quality, size of the category, length, ...
import { h, UI } from "./airflow.js";
import { formatDecimal, formatInterval, formatNumber } from "./format.js";
import { IntervalBar, scaleFrom } from "./model_interval.js";
import { EmptyState, Muted, Section } from "./parts.js";
import { OnPhone, table } from "./table.js";

/** @typedef {import("../types/responses").Model} ModelResponse */
/** @typedef {import("../types/responses").SliceRow} SliceRow */

const { Box } = UI;

/** @type {Record<string, string>} */
const KINDS = {
  language: "Language",
  label_quality: "Quality of the label",
  category_size: "Training titles of the category",
  title_length: "Words in the title",
  unknown_words: "Words of the title that the model does not know",
  newest_day: "Newest day",
};

/**
 * In grey if there are too few titles.
 * @param {SliceRow} row @param {import("react").ReactNode[]} children
 */
const cell = (row, ...children) => h(Box, row.few ? { color: "fg.muted" } : {}, ...children);

/** @param {SliceRow} row */
const interval = ({ interval: found }) => (found ? formatInterval(found) : "–");

/**
 * @param {number} low
 * @param {number | undefined} overall
 * @returns {import("./table.js").Column<SliceRow>[]}
 */
const columns = (low, overall) => [
  {
    key: "name",
    title: "Part",
    cell: (row) =>
      cell(row, row.name || "(none)", row.few ? h(Muted, { key: "few", fontSize: "xs" }, " few titles") : null),
    props: { wordBreak: "break-word" },
  },
  { key: "titles", title: "Titles", numeric: true, cell: (row) => cell(row, formatNumber(row.titles)) },
  {
    key: "balanced_accuracy",
    title: "Balanced accuracy",
    numeric: true,
    cell: (row) =>
      cell(
        row,
        h(Box, { as: "span", fontWeight: row.few ? "normal" : "semibold" }, formatDecimal(row.balanced_accuracy)),
        h(OnPhone, null, interval(row)),
      ),
  },
  { key: "interval", title: "95 % interval", numeric: true, wide: true, cell: (row) => cell(row, interval(row)) },
  {
    key: "bar",
    title: "",
    wide: true,
    cell: (row) =>
      h(IntervalBar, { value: row.balanced_accuracy, interval: row.interval, low, overall, grey: row.few }),
  },
  {
    key: "accuracy",
    title: "Accuracy",
    numeric: true,
    wide: true,
    cell: (row) => cell(row, formatDecimal(row.accuracy) || "–"),
  },
];

/** @param {{data: ModelResponse}} props */
export function Slices({ data: { slices, figure } }) {
  if (!figure) return null;
  if (slices.length === 0) {
    return h(
      Section,
      { title: "Slices" },
      h(
        EmptyState,
        { title: "No slices" },
        "The figures on parts of the test titles are not stored with this evaluation.",
      ),
    );
  }
  const kinds = [...new Set(slices.map(({ kind }) => kind))];
  const enough = slices.filter((row) => !row.few);
  const low = scaleFrom(enough, [figure.evaluated, ...enough.map((row) => row.balanced_accuracy)]);
  return h(
    Section,
    { title: "Slices" },
    table({
      label: "Slices",
      columns: columns(low, figure.evaluated),
      groups: kinds.map((kind) => ({
        key: kind,
        heading: KINDS[kind] ?? kind,
        rows: slices.filter((row) => row.kind === kind),
      })),
      rowKey: (row) => `${row.kind} ${row.name}`,
    }),
    h(
      Muted,
      { display: "block", mt: 2 },
      `The bars reach from ${formatDecimal(low, 1)} to 1; the dashed line is the figure on all test titles, ` +
        `${formatDecimal(figure.evaluated)} as evaluated. Grey: fewer than 30 titles, which say little.`,
    ),
  );
}
