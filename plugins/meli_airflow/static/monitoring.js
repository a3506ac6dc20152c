// Monitoring: whether the champion still fits the titles, by day; what changed, since when, and whether to retrain.
import { h, MODELS_PATH, Router, runTab, UI } from "./airflow.js";
import { Chart, COLOURS } from "./chart.js";
import { dayAt } from "./day_series.js";
import { DayStrip, Mark } from "./day_strip.js";
import { Fold } from "./fold.js";
import { count, formatDay, formatDecimal, formatInterval, sentenceCase } from "./format.js";
import {
  accuracySeries,
  distanceSeries,
  expectedGain,
  expectedTime,
  STATES,
  statesOf,
  statisticsOf,
} from "./monitoring_series.js";
import {
  AppLink,
  EmptyState,
  ExternalLink,
  LabeledValue,
  LoadError,
  Loading,
  Muted,
  Page,
  Panel,
  Section,
  SkippedNote,
} from "./parts.js";
import { useServer } from "./server.js";
import { OnPhone, table } from "./table.js";

/** @typedef {import("../types/responses").MonitoredDay} MonitoredDay */
/** @typedef {import("../types/responses").MonitoredStream} MonitoredStream */
/** @typedef {import("../types/responses").Monitoring} MonitoringResponse */
/** @typedef {import("../types/responses").MonitoringAdvice} MonitoringAdvice */

const { Box, Heading, SimpleGrid, Text } = UI;
const SECONDS = 60;
const HEIGHT = 150;
const [BLUE = "", ORANGE = ""] = COLOURS;

export function Monitoring() {
  /** @type {import("./server.js").Loaded<MonitoringResponse>} */
  const { data, error, reload } = useServer("monitoring", () => SECONDS);
  const body = () => {
    if (data === undefined) return error ? h(LoadError, { error, reload }) : h(Loading, { lines: 8 });
    return h(
      Box,
      { "data-testid": "monitoring" },
      error ? h(LoadError, { error, reload }) : null,
      h(SkippedNote, { skipped: data.skipped }),
      data.streams.length ? h(Found, { data }) : h(Nothing, { champion: data.champion }),
    );
  };
  return h(
    Page,
    { title: "Monitoring", beside: h(AppLink, { to: MODELS_PATH, fontSize: "sm" }, "← All models") },
    body(),
  );
}

/** @param {{champion: string}} props */
const Nothing = ({ champion }) =>
  champion
    ? h(
        EmptyState,
        { title: `Nothing was compared with ${champion} yet` },
        "Trigger the DAG meli_monitoring, or set MELI_MONITORING_SCHEDULE to run it every night. It compares the titles " +
          "that runs ingest, batches score and the service answers with those that the champion was validated on.",
      )
    : h(EmptyState, { title: "No champion yet" }, "Monitoring compares titles with the champion's validation titles.");

/** @param {{data: MonitoringResponse}} props */
function Found({ data }) {
  const linked = new Set(data.in_airflow);
  return h(
    Box,
    null,
    data.advice ? h(Answer, { advice: data.advice, champion: data.champion, report: data.report }) : null,
    data.streams.map((stream) => h(Stream, { key: stream.name, stream, linked })),
  );
}

/** @param {{advice: MonitoringAdvice, champion: string, report: boolean}} props */
const Answer = ({ advice, champion, report }) =>
  h(
    Panel,
    { mb: 8, "data-testid": "advice" },
    h(Heading, { as: "h2", size: "md", mb: 2 }, "Should I retrain tonight?"),
    h(Text, { mb: 3, overflowWrap: "anywhere" }, h(Text, { as: "strong" }, `${advice.answer}: `), advice.reason),
    h(
      SimpleGrid,
      { columns: { base: 1, md: 3 }, gap: 4 },
      h(LabeledValue, { label: "Current champion" }, champion),
      h(LabeledValue, { label: "Expected gain" }, expectedGain(advice)),
      h(LabeledValue, { label: "Time" }, expectedTime(advice)),
    ),
    report
      ? h(Box, { mt: 3, fontSize: "sm" }, h(ExternalLink, { href: REPORT }, "These results as a single HTML file"))
      : null,
  );

/** Relative to this module, as Airflow may be served below a path. */
const REPORT = new URL("../api/monitoring/report", import.meta.url).pathname;

/** @param {{stream: MonitoredStream, linked: Set<string>}} props */
function Stream({ stream, linked }) {
  const { name, days } = stream;
  const newest = days.at(-1);
  if (!newest) return null;
  return h(
    Section,
    { title: sentenceCase(name), beside: h(Muted, null, count(days.length, "day")) },
    h(Newest, { day: newest }),
    h(Strip, { days, linked }),
    h(Charts, { stream, linked }),
    h(Fold, { mt: 3, label: "Table of these days" }, h(DayTable, { stream, linked })),
  );
}

/**
 * What was found on the newest day: what changed, since when, with examples.
 * @param {{day: MonitoredDay}} props
 */
const Newest = ({ day }) =>
  h(
    Box,
    { mb: 4 },
    h(
      Text,
      { mb: 1, overflowWrap: "anywhere" },
      h(Mark, { marks: STATES, state: day.state }),
      h(Text, { as: "strong" }, `${formatDay(day.day)}: `),
      `${day.subject}: `,
      day.verdict,
    ),
    day.accuracy && day.accuracy.balanced_accuracy !== null
      ? h(
          Text,
          { fontSize: "sm", mb: 1 },
          day.accuracy.sentence,
          day.accuracy.since ? ` Since ${formatDay(day.accuracy.since)}.` : "",
        )
      : null,
    h(Changes, { day }),
  );

/** @param {{day: MonitoredDay}} props */
function Changes({ day }) {
  const changed = day.statistics.filter((one) => one.changed);
  if (!changed.length) return null;
  return h(
    Box,
    { as: "ul", ps: 5, listStyleType: "disc", "aria-label": `What changed on ${formatDay(day.day)}` },
    changed.map((one) =>
      h(
        Box,
        { as: "li", key: one.statistic, fontSize: "sm", mb: 1, overflowWrap: "anywhere" },
        h(Text, { as: "strong" }, one.statistic),
        `: ${one.words}. Distance ${formatDecimal(one.distance, 3)}, up to ${formatDecimal(one.chance_level, 3)} by ` +
          `chance. Since ${formatDay(one.since)}.`,
        one.examples.map((example) => h(Muted, { key: example, display: "block" }, example)),
      ),
    ),
  );
}

/**
 * A mark for each day, which links to its run if it is about one.
 * @param {{days: readonly MonitoredDay[], linked: Set<string>}} props
 */
const Strip = ({ days, linked }) =>
  h(DayStrip, {
    label: "Result of each day",
    marks: STATES,
    days: days.map(({ day, source, state, subject, verdict }) => ({
      key: `${day} ${source}`,
      state,
      words: `${formatDay(day)}, ${subject}: ${verdict}`,
      run: linked.has(source) ? source : null,
    })),
    counts: statesOf(days),
  });

/** @param {{stream: MonitoredStream, linked: Set<string>}} props */
function Charts({ stream: { name: stream, days }, linked }) {
  const navigate = Router.useNavigate();
  /** @param {number} x */
  const open = (x) => {
    const day = days[x];
    if (day && linked.has(day.source)) navigate({ pathname: runTab(day.source), search: "" });
  };
  const onOpen = days.some(({ source }) => linked.has(source)) ? { onOpen: open } : {};
  /** @type {[number, number]} */
  const ends = [-0.5, days.length - 0.5];
  const shared = { xTitle: "day", whole: true, gaps: true, sync: stream, xText: dayAt(days), ends, ...onOpen };
  const { changed, others } = statisticsOf(days);
  /** @param {readonly string[]} names */
  const distances = (names) =>
    h(
      SimpleGrid,
      { columns: { base: 1, md: 2, xl: 3 }, gap: 6, mt: 4 },
      names.map((name) =>
        h(Chart, {
          key: name,
          ...shared,
          title: `${sentenceCase(name)}: distance`,
          digits: 3,
          height: HEIGHT,
          series: distanceSeries(days, name, BLUE, ORANGE),
        }),
      ),
    );
  const measured = days.some(({ accuracy }) => accuracy && accuracy.balanced_accuracy !== null);
  return h(
    Box,
    null,
    measured
      ? h(Chart, { ...shared, title: "Balanced accuracy, 95 % interval", series: accuracySeries(days, BLUE, ORANGE) })
      : h(Muted, { display: "block" }, "No balanced accuracy: no day has enough titles with a label."),
    changed.length ? distances(changed) : null,
    others.length
      ? h(Fold, { mt: 3, label: `Charts of ${count(others.length, "statistic")} without a change` }, distances(others))
      : null,
  );
}

/** @param {{stream: MonitoredStream, linked: Set<string>}} props */
function DayTable({ stream, linked }) {
  /** @param {MonitoredDay} day */
  const source = ({ source: id }) => (linked.has(id) ? h(AppLink, { to: runTab(id) }, id) : id);
  /** @param {MonitoredDay} day */
  const accuracy = ({ accuracy: found }) =>
    found?.interval
      ? [
          h(Box, { key: "value" }, formatDecimal(found.balanced_accuracy)),
          h(Muted, { key: "interval", display: "block", fontSize: "xs" }, formatInterval(found.interval, 3)),
        ]
      : "–";
  /** @type {import("./table.js").Column<MonitoredDay>[]} */
  const columns = [
    { key: "day", title: "Day", cell: ({ day }) => formatDay(day), props: { whiteSpace: "nowrap" } },
    { key: "source", title: "Source", wide: true, cell: source, props: { wordBreak: "break-word" } },
    { key: "accuracy", title: "Accuracy", numeric: true, cell: accuracy },
    {
      key: "result",
      title: "Result",
      cell: (day) => [
        h(Text, { as: "span", key: "verdict" }, h(Mark, { marks: STATES, state: day.state }), day.verdict),
        h(OnPhone, { key: "source" }, source(day)),
      ],
    },
  ];
  const rows = [...stream.days].reverse();
  return table({ label: `Days of ${stream.name}`, rows, rowKey: (day) => `${day.day} ${day.source}`, columns });
}
