// The same figures as the charts over nights, as a table: for screen readers, and for exact values.
import { h, runTab, UI } from "./airflow.js";
import { formatDay, formatDecimal, formatInterval, formatNumber } from "./format.js";
import { OutcomeBadge } from "./last_run.js";
import { AppLink, Muted } from "./parts.js";
import { OnPhone, table } from "./table.js";

/** @typedef {import("../types/responses").NightRow} NightRow */
/** @typedef {import("../types/responses").NightFigure} NightFigure */

const { Box } = UI;
const NOTHING = "–";

/** @param {number | null} value */
const number = (value) => (value === null ? NOTHING : formatNumber(value));

/** @param {NightFigure | null} figure */
const accuracy = (figure) =>
  figure
    ? [
        h(Box, { key: "value", whiteSpace: "nowrap" }, formatDecimal(figure.balanced_accuracy)),
        h(Muted, { key: "set", display: "block", fontSize: "xs" }, figure.set),
        h(Muted, { key: "interval", display: "block", fontSize: "xs" }, formatInterval(figure.interval, 3)),
      ]
    : NOTHING;

/**
 * The fraction of unknown words in percent, as in the chart.
 * @param {NightRow} night
 */
export const unknownPercent = ({ unknown_words: fraction }) => (fraction === null ? null : fraction * 100);

/**
 * The duration in minutes, as in the chart.
 * @param {NightRow} night
 */
export const minutes = ({ seconds }) => (seconds === null ? null : seconds / 60);

/**
 * @param {Set<string>} linked ids of runs that Airflow knows
 * @returns {import("./table.js").Column<NightRow>[]}
 */
const columns = (linked) => [
  { key: "day", title: "Day", cell: ({ day }) => formatDay(day), props: { whiteSpace: "nowrap" } },
  {
    key: "run",
    title: "Run",
    wide: true,
    cell: ({ run_id: id }) => (linked.has(id) ? h(AppLink, { to: runTab(id) }, id) : id),
    props: { wordBreak: "break-word", minW: "140px" },
  },
  {
    key: "outcome",
    title: "Outcome",
    cell: ({ run_id: id, outcome, sentence }) => [
      h(OutcomeBadge, { key: "badge", outcome }),
      h(OnPhone, { key: "run" }, linked.has(id) ? h(AppLink, { to: runTab(id) }, id) : id),
      h(Muted, { key: "sentence", display: { base: "none", md: "block" }, fontSize: "xs" }, sentence),
    ],
  },
  { key: "champion", title: "Champion", numeric: true, cell: ({ champion }) => accuracy(champion) },
  { key: "challenger", title: "Best challenger", numeric: true, cell: ({ challenger }) => accuracy(challenger) },
  { key: "titles", title: "Titles", numeric: true, wide: true, cell: ({ titles }) => number(titles) },
  { key: "bad", title: "Bad rows", numeric: true, wide: true, cell: ({ bad_rows: rows }) => number(rows) },
  {
    key: "new",
    title: "New categories",
    numeric: true,
    wide: true,
    cell: ({ new_categories: found, new_names: names }) => [
      h(Box, { key: "number" }, number(found)),
      names.length ? h(Muted, { key: "names", display: "block", fontSize: "xs" }, names.join(", ")) : null,
    ],
  },
  {
    key: "unknown",
    title: "Unknown words, %",
    numeric: true,
    wide: true,
    cell: (night) => formatDecimal(unknownPercent(night), 2) || NOTHING,
  },
  {
    key: "minutes",
    title: "Minutes",
    numeric: true,
    wide: true,
    cell: (night) => formatDecimal(minutes(night), 1) || NOTHING,
  },
];

/** @param {{nights: readonly NightRow[], linked: Set<string>}} props */
export const NightTable = ({ nights, linked }) =>
  table({ label: "Nights", rows: [...nights].reverse(), rowKey: (night) => night.run_id, columns: columns(linked) });
