// Two to eight models compared with one of them: scores, learning curves, categories, members, parameters.
import { comparePath, formatDateTime, h, MODELS_PATH, modelPath, UI } from "./airflow.js";
import { Categories } from "./categories.js";
import { COLOURS } from "./chart.js";
import { LearningCurves } from "./curves.js";
import { Difference, ShortDifference } from "./differences.js";
import { count, formatDecimal, formatInterval, formatTestSet } from "./format.js";
import { AppLink, EmptyState, LoadError, Loading, Muted, Note, Page, Panel, Section, StateBadge } from "./parts.js";
import { Members, Parameters } from "./recipes.js";
import { useServer } from "./server.js";
import { OnPhone, table } from "./table.js";

/** @typedef {import("../types/responses").Comparison} ComparisonResponse */
/** @typedef {import("../types/responses").ComparedModel} ComparedModel */
/** @typedef {{data: ComparisonResponse, names: readonly string[]}} Props `names` are the models', in their order */
/** @typedef {{key: string, title: string, digits: number}} ScoreKind */

const { Box, Flex, Heading, SimpleGrid } = UI;
const FIRST = { key: "balanced_accuracy", title: "Balanced accuracy", digits: 4 };
/** @type {ScoreKind[]} */
const OTHERS = [
  { key: "accuracy", title: "Accuracy", digits: 4 },
  { key: "macro_f1", title: "Macro F1", digits: 4 },
  { key: "top5", title: "Top 5", digits: 4 },
  { key: "milliseconds_p95", title: "CPU milliseconds, p95", digits: 2 },
  { key: "megabytes", title: "Megabytes", digits: 1 },
];

/** @param {{ids: readonly string[], baseline: string}} props ids of rows of the leaderboard */
export function Comparison({ ids, baseline }) {
  const query = new URLSearchParams(ids.map((id) => ["compare", id]));
  if (baseline) query.set("baseline", baseline);
  /** @type {import("./server.js").Loaded<ComparisonResponse>} */
  const { data, error, reload } = useServer(`comparison?${query}`);
  const frame = (/** @type {string} */ title, /** @type {import("react").ReactNode[]} */ ...children) =>
    h(Page, { title, beside: h(AppLink, { to: MODELS_PATH, fontSize: "sm" }, "← All models") }, ...children);
  if (data === undefined) {
    return frame("Compare models", error ? h(Failed, { error, reload }) : h(Loading, { lines: 8 }));
  }
  const names = namesOf(data.models);
  return frame(
    `${count(data.models.length, "model")} compared`,
    h(
      SimpleGrid,
      { columns: { base: 1, sm: 2, lg: Math.min(4, data.models.length) }, gap: 3, mb: 6 },
      data.models.map((model, position) => h(Model, { key: model.row.id, data, names, position })),
    ),
    h(Scores, { data, names }),
    h(Members, { data, names }),
    h(Curves, { data, names }),
    h(Categories, { data, names }),
    h(Parameters, { data, names }),
  );
}

/** @param {{error: import("./server.js").RequestError, reload: () => void}} props */
const Failed = ({ error, reload }) =>
  error.status === 422
    ? h(
        EmptyState,
        { title: "These models cannot be compared" },
        h(Box, { mb: 2 }, error.message),
        h(AppLink, { to: MODELS_PATH }, "Choose two to eight models of the leaderboard"),
      )
    : h(LoadError, { error, reload });

/**
 * The models' names: their sets, with their numbers, since two may be of one set.
 * @param {readonly ComparedModel[]} models
 */
const namesOf = (models) => models.map(({ row }, position) => `${position + 1} ${row.set}`);

/** @param {number} position */
const colourAt = (position) => COLOURS[position] ?? "";

/** @param {Props & {position: number}} props */
function Model({ data: { models }, names, position }) {
  const model = /** @type {ComparedModel} */ (models[position]);
  const { row, baseline, champion } = model;
  const ids = models.map((one) => one.row.id);
  const others = ids.filter((id) => id !== row.id);
  const chosen = models.find((one) => one.baseline)?.row.id ?? "";
  const link = (/** @type {string} */ to, /** @type {string} */ text) =>
    h(AppLink, { to, fontSize: "sm", "aria-label": `${text}: ${names[position]}` }, text);
  return h(
    Panel,
    { borderLeftWidth: 4, borderLeftColor: `var(${colourAt(position)})`, py: 3, "data-testid": "compared" },
    h(
      Flex,
      { align: "center", gap: 2, wrap: "wrap" },
      h(
        Heading,
        { as: "h2", size: "md", wordBreak: "break-word" },
        `${position + 1} `,
        h(AppLink, { to: modelPath(row.id) }, row.set),
      ),
      champion ? h(StateBadge, { of: "champion" }) : null,
      baseline ? h(StateBadge, { of: "keep" }, "baseline") : null,
    ),
    h(Muted, { display: "block", wordBreak: "break-word" }, row.run_id),
    h(Muted, { display: "block" }, `planned ${formatDateTime(row.at)}${row.as_of ? `, data as of ${row.as_of}` : ""}`),
    h(
      Flex,
      { gap: 4, mt: 1, wrap: "wrap" },
      baseline ? null : link(comparePath(ids, row.id), "Make it the baseline"),
      models.length > 2 ? link(comparePath(others, chosen === row.id ? "" : chosen), "Leave it out") : null,
    ),
  );
}

/**
 * The titles that the scores are on, in a sentence.
 * @param {ComparisonResponse["titles"]} titles
 */
const titlesText = ({ titles, test_set: testSet }) =>
  testSet ? `All on ${formatTestSet(testSet)}.` : `All on the same ${count(titles, "title")}.`;

/** @param {Props} props */
function Scores({ data, names }) {
  const { models, titles, notes } = data;
  if (titles.kind === "none") {
    return h(Section, { title: "Scores" }, h(Note, { status: "warning", title: "No scores to compare" }, titles.note));
  }
  const others = OTHERS.filter(({ key }) => models.some(({ scores }) => scores[key]));
  const baseline = names[models.findIndex((model) => model.baseline)] ?? "";
  return h(
    Section,
    { title: "Scores" },
    titles.kind === "common"
      ? h(Note, { status: "warning", title: `On ${count(titles.titles, "common title")}` }, titles.note)
      : h(Muted, { display: "block", mb: 2 }, titlesText(titles)),
    table({
      label: "Scores",
      rows: models.map((model, position) => ({ model, name: names[position] ?? "" })),
      rowKey: ({ model }) => model.row.id,
      columns: [
        {
          key: "model",
          title: "Model",
          cell: ({ model, name }) => [
            h(Box, { key: "name", minW: { md: "110px" }, wordBreak: "break-word", fontWeight: "semibold" }, name),
            model.baseline ? h(Muted, { key: "base", fontSize: "xs" }, "baseline") : null,
            h(
              OnPhone,
              { key: "others" },
              others.map((kind) => h(ShortScore, { key: kind.key, model, kind })),
            ),
          ],
        },
        {
          key: FIRST.key,
          title: FIRST.title,
          numeric: true,
          cell: ({ model }) => h(ScoreOf, { model, kind: FIRST }),
        },
        ...others.map((kind) => ({
          key: kind.key,
          title: kind.title,
          numeric: true,
          wide: true,
          cell: (/** @type {{model: ComparedModel}} */ { model }) => h(ScoreOf, { model, kind }),
        })),
      ],
    }),
    h(
      Muted,
      { display: "block", mt: 2 },
      `Each difference is to the baseline, ${baseline}, with the 95 % interval of the paired test in brackets. Only one ` +
        "whose interval excludes 0 is coloured; the others may be chance, or were not tested.",
    ),
    notes.map((note) => h(Muted, { key: note, display: "block", mt: 1 }, note)),
  );
}

/**
 * A model's score, its interval, and its difference to the baseline's.
 * @param {{model: ComparedModel, kind: ScoreKind}} props
 */
function ScoreOf({ model, kind: { key, digits } }) {
  const score = model.scores[key];
  if (!score) return "–";
  return h(
    Box,
    { as: "span", display: "inline-block" },
    formatDecimal(score.value, digits),
    score.interval ? h(Muted, { fontSize: "xs" }, ` (${formatInterval(score.interval, 3)})`) : null,
    h(Difference, { difference: score.difference, digits }),
  );
}

/**
 * A further score on a phone, in a line.
 * @param {{model: ComparedModel, kind: ScoreKind}} props
 */
function ShortScore({ model, kind: { key, title, digits } }) {
  const score = model.scores[key];
  if (!score) return null;
  const difference = h(ShortDifference, { difference: score.difference, digits });
  return h(Box, { mt: 1 }, `${title} ${formatDecimal(score.value, digits)} `, difference);
}

/** @param {Props} props */
function Curves({ data: { models, curves_note: note }, names }) {
  const sources = models.flatMap(({ curve }, position) =>
    curve.epochs.length
      ? [
          {
            name: names[position] ?? "",
            mark: String(position + 1),
            epochs: curve.epochs,
            colour: colourAt(position),
            trainingColour: colourAt(position),
            keptEpoch: curve.kept_epoch,
            kept: curve.kept,
            dropout: curve.dropout,
          },
        ]
      : [],
  );
  if (sources.length === 0) {
    return h(
      Section,
      { title: "Learning curves" },
      h(EmptyState, { title: "No curves" }, "An ensemble has none, and the store may no longer have those of a set."),
    );
  }
  const without = models.filter(({ curve }) => !curve.epochs.length).map(({ row }) => row.set);
  return h(
    Section,
    { title: "Learning curves" },
    note ? h(Note, { status: "warning" }, note) : null,
    h(LearningCurves, { key: names.join(" "), sources, sync: "comparison" }),
    without.length ? h(Muted, null, `No curves: ${without.join(", ")}. An ensemble is not trained.`) : null,
  );
}
