import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { countRange, gapsBefore, withIntervals } from "../../plugins/meli_airflow/static/axis.js";
import { dayAt } from "../../plugins/meli_airflow/static/day_series.js";
import { accuracyLine, comparability, line, outcomes } from "../../plugins/meli_airflow/static/night_series.js";
import { MODELS } from "./answers.js";
import { address, mount, requests } from "./browser.js";

/** @typedef {import("../../plugins/meli_airflow/types/responses").NightRow} NightRow */
/** @typedef {import("../../plugins/meli_airflow/types/responses").Nights} NightsResponse */
/** @typedef {import("./browser.js").Mounted} Mounted */

/** @type {Mounted | undefined} */
let page;
beforeEach(() => {
  address.search = "";
});
afterEach(() => page?.unmount());

/** @type {(day: number, more?: Partial<NightRow>) => NightRow} */
const night = (day, more = {}) => ({
  run_id: `run_${day}`,
  day: `2026-11-${day}`,
  at: `2026-11-${day}T03:00:00+00:00`,
  outcome: "kept",
  sentence: "It kept mlp.",
  task: "",
  champion: { set: "mlp", balanced_accuracy: 0.9 + day / 1000, interval: [0.89, 0.95], selection_bias: 0 },
  challenger: { set: "cnn", balanced_accuracy: 0.88, interval: [0.87, 0.89], selection_bias: 0 },
  test_set: "a",
  joined: true,
  titles: 1000 + day,
  bad_rows: 2,
  categories: 96,
  new_categories: 1,
  new_names: ["SKATEBOARDS"],
  unknown_words: 0.0228,
  seconds: 90,
  ...more,
});
const FAILED = { champion: null, challenger: null, test_set: "", joined: false, titles: null, bad_rows: null };
const NIGHTS = [
  night(20, { joined: false, outcome: "promoted", champion: null }),
  night(21),
  night(22, { ...FAILED, outcome: "failed", sentence: "It failed in the task ingest.", new_categories: null }),
  night(23, { joined: false, test_set: "b" }),
  night(24, { joined: false, test_set: "c", seconds: null, unknown_words: null }),
];

/** @type {NightsResponse} */
const DATA = { all: 7, matching: 7, nights: NIGHTS, test_sets: [], before: 60, in_airflow: ["run_21", "run_22"] };

const OVERVIEW = {
  "GET models?limit=100": { body: MODELS },
  "GET nights?limit=30": { body: DATA },
};

test("a line has the stored figures, and ends where a night has none", () => {
  const titles = line(NIGHTS, "titles", "blue", (one) => one.titles);
  assert.deepEqual(titles.points, [[0, 1020], [1, 1021], [3, 1023], [4, 1024]]); // biome-ignore format: short
  assert.deepEqual(titles.apart, [3]);
});

test("the balanced accuracy of nights with other test titles is not joined", () => {
  const champion = accuracyLine(NIGHTS, "champion", "blue", (one) => one.champion);
  assert.deepEqual(champion.points, [[1, 0.921], [3, 0.923], [4, 0.924]]); // biome-ignore format: short
  assert.deepEqual(champion.apart, [1, 3, 4]);
  assert.deepEqual(champion.intervals, [[1, 0.89, 0.95], [3, 0.89, 0.95], [4, 0.89, 0.95]]); // biome-ignore format: short
  assert.match(
    comparability(NIGHTS),
    /These 4 runs were tested on 3 different sets of titles\. Points are joined only/,
  );
  assert.equal(comparability(NIGHTS.slice(0, 2)), "");
});

test("what is apart becomes a gap before it, and intervals are within the axis", () => {
  assert.deepEqual(gapsBefore([0, 1, 3, 4], [0, 3]), [[1, 3]]);
  const series = [
    { label: "a", colour: "blue", points: [], intervals: [/** @type {[number, number, number]} */ ([0, 0.1, 0.9])] },
  ];
  assert.deepEqual(withIntervals(0.4, 0.5, series), [0.1, 0.9]);
  assert.deepEqual(withIntervals(0.4, 0.5, []), [0.4, 0.5]);
  assert.deepEqual(withIntervals(null, null, series), [null, null]);
  assert.deepEqual([countRange(null)[0], countRange(0)[0], countRange(100)[0]], [0, 0, 0]);
  assert.ok(countRange(0)[1] > 1 && countRange(100)[1] > 100);
});

test("nights are named by their day and counted by their outcome", () => {
  assert.deepEqual([0, 4, 0.5].map(dayAt(NIGHTS)), ["20 Nov", "24 Nov", ""]);
  assert.deepEqual(outcomes(NIGHTS), [["promoted", 1], ["kept", 3], ["failed", 1]]); // biome-ignore format: short
});

test("the section has a chart for each figure, a mark for each night, and a table of the same figures", async () => {
  page = await mount("Models", {}, OVERVIEW);
  const charts = page.all("Box").filter(({ props }) => props.role === "img" && props["data-points"] !== undefined);
  assert.deepEqual(
    charts.map(({ props }) => [String(props["aria-label"]).split(":")[0], props["data-series"], props["data-points"]]),
    [
      ["Balanced accuracy, 95 % interval", 2, 7],
      ["Titles", 1, 4],
      ["Bad rows", 1, 4],
      ["New categories", 1, 4],
      ["Unknown words, %", 1, 4],
      ["Minutes", 1, 4],
    ],
  );
  assert.match(page.text, /newest 5 of 7 runs/);
  const lines = page.rowsOf("Nights");
  assert.equal(lines.length, 5);
  assert.match(String(lines[3]), /21 Nov 2026\nrun_21/);
  for (const text of ["0.9210", "0.8800", "1,021", "SKATEBOARDS", "2.28", "1.5"])
    assert.ok(lines[3]?.includes(text), text);
  assert.match(String(lines[2]), /It failed in the task ingest\./);
  const marks = page.all("Link").filter(({ props }) => String(props["aria-label"]).includes("run_22"));
  assert.equal(marks[0]?.props["aria-label"], "22 Nov 2026, run_22: failed. It failed in the task ingest.");
});

test("the days are part of the address", async () => {
  address.search = "?nights_from=2026-11-20&nights_to=2026-11-21";
  page = await mount("Models", {}, OVERVIEW);
  assert.ok(requests.some(([, path]) => path === "nights?limit=30&since=2026-11-20&until=2026-11-21"));
});

test("a store without runs says what will appear", async () => {
  const none = { ...DATA, all: 0, matching: 0, nights: [] };
  page = await mount("Models", {}, { ...OVERVIEW, "GET nights?limit=30": { body: none } });
  assert.match(page.text, /Each run of meli_training becomes a point here\./);
});
