// Two models side by side: scores, learning curves in one chart, better and worse categories, parameters.
import { formatDateTime, h, UI, useState } from "./airflow.js";
import { Categories } from "./categories.js";
import { COLOURS } from "./chart.js";
import { LearningCurves } from "./curves.js";
import { formatDecimal, formatInterval, formatNumber, formatSigned, formatValue } from "./format.js";
import { AppLink, EmptyState, LoadError, Loading, Muted, Note, Page, Panel, Section } from "./parts.js";
import { useServer } from "./server.js";
import { OnPhone, table } from "./table.js";

/** @typedef {import("../types/responses").Comparison} ComparisonResponse */
/** @typedef {import("../types/responses").Gain} Gain */
/** @typedef {import("../types/responses").ModelRow} ModelRow */
/** @typedef {import("../types/responses").Parameter} Parameter */
/** @typedef {"left" | "right"} Side */
/** @typedef {{data: ComparisonResponse}} Props */
/**
 * @typedef {object} Score
 * @property {"balanced_accuracy" | "accuracy" | "top5" | "macro_f1" | "milliseconds_p95" | "megabytes"} key
 * @property {string} title
 * @property {number} digits
 */

const { Box, Flex, Heading, SimpleGrid, Switch } = UI;
const BACK = "/plugin/models";
const [LEFT_COLOUR = "", RIGHT_COLOUR = ""] = COLOURS;
/** @type {Score[]} */
const SCORES = [
  { key: "balanced_accuracy", title: "Balanced accuracy", digits: 4 },
  { key: "accuracy", title: "Accuracy", digits: 4 },
  { key: "top5", title: "Top 5", digits: 4 },
  { key: "macro_f1", title: "Macro F1", digits: 4 },
  { key: "milliseconds_p95", title: "CPU milliseconds, p95", digits: 2 },
  { key: "megabytes", title: "Megabytes", digits: 1 },
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
          "Scores on different titles cannot be compared. To compare both sets on the same titles, train them in one run.",
        ),
    h(Scores, { data }),
    h(Members, { data }),
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

/**
 * The colour of a difference: only one whose interval excludes 0 is better or worse; any other may be chance.
 * @param {Gain | null} gain
 */
function colourOf(gain) {
  if (!gain) return "fg.muted";
  const [low, high] = gain.interval;
  if (low > 0) return "fg.success";
  return high < 0 ? "fg.error" : "fg.muted";
}

/** @param {Props} props */
function Scores({ data: { left, right, gain, same_titles: same } }) {
  /** @param {Score} score */
  const difference = ({ key, digits }) => {
    const [from, to] = [left[key], right[key]];
    if (from === null || to === null) return "–";
    const paired = key === "balanced_accuracy" ? gain : null;
    return h(
      Box,
      { color: colourOf(paired) },
      formatSigned(to - from, digits),
      paired
        ? h(Muted, { display: "block", fontSize: "xs" }, `95 %: ${formatInterval(paired.interval, 4, true)}`)
        : null,
    );
  };
  return h(
    Section,
    { title: "Scores" },
    table({
      label: "Scores",
      rows: SCORES.filter(({ key }) => left[key] !== null || right[key] !== null),
      rowKey: ({ key }) => key,
      columns: [
        {
          key: "name",
          title: "Score",
          cell: ({ key, title, digits }) => [
            title,
            h(OnPhone, { key: "both" }, `${formatDecimal(left[key], digits)} and ${formatDecimal(right[key], digits)}`),
          ],
        },
        {
          key: "left",
          title: left.set,
          numeric: true,
          wide: true,
          cell: ({ key, digits }) => formatDecimal(left[key], digits) || "–",
        },
        {
          key: "right",
          title: right.set,
          numeric: true,
          wide: true,
          cell: ({ key, digits }) => formatDecimal(right[key], digits) || "–",
        },
        { key: "difference", title: "Difference", numeric: true, cell: difference },
      ],
    }),
    h(Muted, { display: "block", mt: 2 }, verdict(left, right, gain, same)),
  );
}

/**
 * What the difference in balanced accuracy means, in a sentence.
 * @param {ModelRow} left
 * @param {ModelRow} right
 * @param {Gain | null} gain
 * @param {boolean} same whether both were tested on the same titles
 */
function verdict(left, right, gain, same) {
  if (!same) return "";
  if (!gain) return "No interval: the store no longer has both models' predictions, so a difference may be chance.";
  const percent = formatNumber(Math.round(gain.probability * 100));
  const [low, high] = gain.interval;
  if (low > 0) return `${right.set} is better than ${left.set}: the 95 % interval of the difference is above 0.`;
  if (high < 0) return `${right.set} is worse than ${left.set}: the 95 % interval of the difference is below 0.`;
  return `The difference may be chance: its 95 % interval contains 0. ${right.set} is better with probability ${percent} %.`;
}

/** @param {Props} props */
function Curves({ data: { left, right, curves } }) {
  if (!curves.left.length && !curves.right.length) {
    return h(
      Section,
      { title: "Learning curves" },
      h(EmptyState, { title: "No curves" }, "An ensemble has none, and the store may no longer have those of a set."),
    );
  }
  const [leftLabel, rightLabel] = left.set === right.set ? ["left", "right"] : [left.set, right.set];
  const sources = [
    { prefix: `${leftLabel}, `, epochs: curves.left, colour: LEFT_COLOUR, trainingColour: LEFT_COLOUR },
    { prefix: `${rightLabel}, `, epochs: curves.right, colour: RIGHT_COLOUR, trainingColour: RIGHT_COLOUR },
  ];
  return h(Section, { title: "Learning curves" }, h(LearningCurves, { sources, sync: "comparison" }));
}

/**
 * The members and weights of an ensemble, which has no hyperparameters of its own.
 * @param {Props} props
 */
function Members({ data: { left, right, members } }) {
  if (members.length === 0) return null;
  const names = members.map(({ set }) => set);
  const [leftTitle, rightTitle] = left.set === right.set ? ["left", "right"] : [left.set, right.set];
  return h(
    Section,
    { title: "Members" },
    h(
      Muted,
      { display: "block", mb: 2 },
      "An ensemble is the weighted mean of its members' probabilities. Compare two members by choosing them on the leaderboard.",
    ),
    table({
      label: "Members",
      rows: members,
      rowKey: ({ set, train }) => `${set} ${train}`,
      columns: [
        {
          key: "set",
          title: "Member",
          cell: ({ set, train }) => [
            set,
            names.indexOf(set) === names.lastIndexOf(set)
              ? null
              : h(
                  Muted,
                  { key: "key", display: "block", fontFamily: "mono", fontSize: "xs" },
                  `key ${train.slice(0, 12)}`,
                ),
          ],
        },
        { key: "left", title: leftTitle, numeric: true, cell: ({ left: weight }) => formatDecimal(weight, 3) || "–" },
        {
          key: "right",
          title: rightTitle,
          numeric: true,
          cell: ({ right: weight }) => formatDecimal(weight, 3) || "–",
        },
      ],
    }),
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
