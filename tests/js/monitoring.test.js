import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import {
  accuracySeries,
  distanceSeries,
  expectedGain,
  expectedTime,
  statesOf,
  statisticsOf,
} from "../../plugins/meli_airflow/static/monitoring_series.js";
import { address, mount } from "./browser.js";

/** @typedef {import("../../plugins/meli_airflow/types/responses").Monitoring} MonitoringResponse */
/** @typedef {import("../../plugins/meli_airflow/types/responses").MonitoredDay} MonitoredDay */
/** @typedef {import("../../plugins/meli_airflow/types/responses").MonitoredStatistic} MonitoredStatistic */
/** @typedef {import("./browser.js").Mounted} Mounted */

/** @type {Mounted | undefined} */
let page;
beforeEach(() => {
  address.search = "?monitoring=1";
});
afterEach(() => page?.unmount());

/** @type {(name: string, more?: Partial<MonitoredStatistic>) => MonitoredStatistic} */
const statistic = (name, more = {}) => ({
  statistic: name,
  words: "2.3%, 2.2% in validation",
  distance: 0.01,
  chance_level: 0.05,
  changed: false,
  missing: "",
  since: "",
  examples: [],
  ...more,
});

/** @type {(day: number, more?: Partial<MonitoredDay>) => MonitoredDay} */
const day = (number, more = {}) => ({
  day: `2026-11-${number}`,
  source: `run_${number}`,
  subject: `4,000 new titles of run_${number}`,
  verdict: "no change",
  state: "no change",
  accuracy: {
    balanced_accuracy: 0.94,
    interval: [0.93, 0.95],
    promised: 0.95,
    worse: false,
    since: "",
    sentence: "Accuracy: balanced accuracy 0.9400.",
  },
  statistics: [statistic("languages"), statistic("unknown words")],
  ...more,
});

const NEW_WORDS = statistic("unknown words", {
  words: "12.1%, 2.2% in validation",
  distance: 0.26,
  changed: true,
  since: "2026-11-23",
  examples: ["zorp: 98 times, 0 expected"],
});
const DAYS = [
  day(20, { state: "not compared", verdict: "not compared: too few", accuracy: null, statistics: [] }),
  day(21),
  day(22, { statistics: [statistic("languages", { missing: "3 titles" }), statistic("unknown words")] }),
  day(23, { state: "changed", verdict: "changed: unknown words", statistics: [statistic("languages"), NEW_WORDS] }),
];
const WAITING = day(23, {
  source: "scored titles",
  subject: "20,000 scored titles",
  verdict: "no change; no accuracy: 0 of 20,000 scored titles have a label after 9 days",
  accuracy: {
    balanced_accuracy: null,
    interval: null,
    promised: null,
    worse: false,
    since: "",
    sentence: "Accuracy: no figure (0 of 20,000 scored titles have a label after 9 days).",
  },
});

/** @type {MonitoringResponse} */
const DATA = {
  champion: "mlp",
  days: 60,
  streams: [
    { name: "ingested titles", of_runs: true, days: DAYS },
    { name: "scored titles", of_runs: false, days: [WAITING] },
  ],
  advice: { retrain: true, answer: "Yes", reason: "unknown words changed.", gain: 0.0123, decisions: 4, seconds: 180 },
  report: true,
  skipped: { count: 0, first: [] },
  in_airflow: ["run_23"],
};
const ANSWERS = { "GET monitoring": { body: DATA } };

test("lines have the stored figures, and end where a day could not be compared", () => {
  const [measured, promised] = accuracySeries(DAYS, "blue", "orange");
  assert.deepEqual(measured?.points, [[1, 0.94], [2, 0.94], [3, 0.94]]); // biome-ignore format: short
  assert.deepEqual(measured?.intervals?.[0], [1, 0.93, 0.95]);
  assert.equal(promised?.dashed, true);
  const [distance] = distanceSeries(DAYS, "languages", "blue", "orange");
  assert.deepEqual(distance?.points, [[1, 0.01], [3, 0.01]]); // biome-ignore format: short
  assert.deepEqual(distance?.apart, [1, 3]);
});

test("what changed comes first, and days are counted by their state", () => {
  assert.deepEqual(statisticsOf(DAYS), { changed: ["unknown words"], others: ["languages"] });
  assert.deepEqual(statesOf(DAYS), [["changed", 1], ["no change", 2], ["not compared", 1]]); // biome-ignore format: short
});

test("what a retraining may bring is written, or said to be unknown", () => {
  assert.equal(
    expectedGain({ retrain: true, answer: "Yes", reason: "", gain: 0.0123, decisions: 4, seconds: 180 }),
    "+0.0123 balanced accuracy, the mean of the last 4 decisions",
  );
  const unknown = { retrain: false, answer: "No", reason: "", gain: null, decisions: 0, seconds: null };
  assert.match(expectedGain(unknown), /^unknown/);
  assert.match(expectedTime(unknown), /^unknown/);
});

test("the page answers whether to retrain, and says what changed since when with examples", async () => {
  page = await mount("Models", {}, ANSWERS);
  for (const text of [
    "Should I retrain tonight?",
    "unknown words changed.",
    "about 3 min of training",
    "Since 23 Nov 2026.",
    "zorp: 98 times, 0 expected",
    "0 of 20,000 scored titles have a label after 9 days",
    "No balanced accuracy: no day has enough titles with a label.",
  ]) {
    assert.ok(page.text.includes(text), `${text} is not in:\n${page.text}`);
  }
  const charts = page.all("Box").filter(({ props }) => props.role === "img" && props["data-points"] !== undefined);
  assert.deepEqual(
    charts.map(({ props }) => String(props["aria-label"]).split(":")[0]),
    ["Balanced accuracy, 95 % interval", "Unknown words", "Languages", "Languages", "Unknown words"],
  );
  assert.equal(page.rowsOf("Days of ingested titles").length, 4);
  const marks = page.all("Link").filter(({ props }) => String(props["aria-label"]).includes("run_23"));
  assert.match(String(marks[0]?.props["aria-label"]), /^23 Nov 2026, .*changed: unknown words$/);
});

test("a store without a champion, and one that nothing was compared in, say what to do", async () => {
  const empty = { ...DATA, streams: [], advice: null, report: false };
  page = await mount("Models", {}, { "GET monitoring": { body: empty } });
  assert.match(page.text, /Trigger the DAG meli_monitoring/);
  page.unmount();
  page = await mount("Models", {}, { "GET monitoring": { body: { ...empty, champion: "" } } });
  assert.match(page.text, /No champion yet/);
});
