import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  count,
  duration,
  flatten,
  formatBytes,
  formatDateTime,
  formatDay,
  formatDecimal,
  formatInterval,
  formatMembers,
  formatNumber,
  formatSigned,
  formatTestSet,
  formatValue,
} from "../../plugins/meli_airflow/static/format.js";

/** @type {{duration: [number, string][], count: [number, string, string][]}} */
const cases = JSON.parse(readFileSync(new URL("../wording_cases.json", import.meta.url), "utf8"));

test("durations and counts read as in Python", () => {
  assert.deepEqual(
    cases.duration.map(([seconds]) => [seconds, duration(seconds)]),
    cases.duration,
  );
  assert.deepEqual(
    cases.count.map(([number, noun]) => [number, noun, count(number, noun)]),
    cases.count,
  );
});

test("no duration up to ten days has a full smaller unit, and none shrinks as time grows", () => {
  /** @type {Record<string, number>} */
  const units = { s: 1, min: 60, h: 3600, d: 86400 };
  /** @type {Record<string, number>} */
  const full = { s: 60, min: 60, h: 24 };
  let before = -1;
  for (let seconds = 0; seconds < 864_000; seconds += seconds < 700 ? 0.1 : 17.3) {
    const parts = duration(seconds).match(/[\d.]+ \w+/g) ?? [];
    const values = parts.map((part) => part.split(" "));
    for (const [value, unit] of values.slice(1)) assert.ok(Number(value) < Number(full[String(unit)]), `${parts}`);
    const total = values.reduce((sum, [value, unit]) => sum + Number(value) * (units[String(unit)] ?? Number.NaN), 0);
    assert.ok(total >= before, `${seconds}: ${parts} after ${before} s`);
    assert.ok(Math.abs(total - seconds) <= Math.max(0.05 + 1e-9, seconds * 0.05), `${seconds}: ${parts}`);
    before = total;
  }
});

test("a missing value is an empty text", () => {
  assert.deepEqual(
    [duration(null), duration(undefined), formatNumber(null), formatDecimal(undefined)],
    ["", "", "", ""],
  );
  assert.equal(formatDateTime(""), "");
});

test("decimals are fixed and thousands separated", () => {
  assert.equal(formatDecimal(0.5), "0.5000");
  assert.equal(formatDecimal(12.345, 1), "12.3");
  assert.equal(formatNumber(1234567.5), "1,234,567.5");
});

test("test titles are named by their number, source and days", () => {
  const today = {
    titles: 1049,
    left_out: 0,
    folds: 0,
    source: "titles.csv",
    first_day: "2026-11-28",
    last_day: "2026-11-28",
  };
  assert.equal(formatTestSet(today), "the 1,049 test titles of titles.csv, 28 Nov 2026");
  assert.equal(
    formatTestSet({ ...today, titles: 1, first_day: "2026-11-01" }),
    "the 1 test title of titles.csv, 1 Nov 2026 to 28 Nov 2026",
  );
  assert.equal(formatTestSet({ ...today, titles: 0 }), "the test titles of titles.csv, 28 Nov 2026");
  assert.equal(
    formatTestSet({ ...today, left_out: 488 }),
    "the 1,049 test titles of titles.csv, 28 Nov 2026, without 488 that a compared model was fitted on",
  );
  assert.equal(
    formatTestSet({ ...today, titles: 50_939, folds: 5 }),
    "the 50,939 titles of titles.csv, 28 Nov 2026, cross-validated over 5 folds",
  );
  assert.equal(formatTestSet({ ...today, folds: 1 }), "the 1,049 test titles of titles.csv, 28 Nov 2026");
  assert.equal(formatDay("today"), "today");
});

test("an interval has two ends, with signs if it is one of differences", () => {
  assert.equal(formatInterval([0.8339, 0.93794]), "0.8339 to 0.9379");
  assert.equal(formatInterval([-0.004, 0.005], 3, true), "−0.004 to +0.005");
});

test("a difference has its sign, and none if it rounds to zero", () => {
  assert.deepEqual(
    [0.1234, -0.1234, 0, 0.0004, -0.0004].map((value) => formatSigned(value)),
    ["+0.123", "−0.123", "±0.000", "±0.000", "±0.000"],
  );
  assert.equal(formatSigned(-0.0004, 4), "−0.0004");
});

test("sizes round up to kB, and never read 1,000 kB", () => {
  assert.deepEqual([0, 1, 999, 1001, 999_000, 999_001, 1_000_000, 1_250_000, 2_345_678_901].map(formatBytes), [
    "0 kB",
    "1 kB",
    "1 kB",
    "2 kB",
    "999 kB",
    "1 MB",
    "1 MB",
    "1.3 MB",
    "2,345.7 MB",
  ]);
});

test("an ensemble's members are listed by weight", () => {
  assert.equal(formatMembers({ cnn: 0.35, mlp: 0.65 }), "0.65 mlp, 0.35 cnn");
  assert.equal(formatMembers({}), "");
});

test("any parameter has a text", () => {
  assert.deepEqual([null, undefined, "", [], [1, "a"], true, false, 0, 0.5, "mlp", { a: 1 }].map(formatValue), [
    "–",
    "–",
    "–",
    "none",
    "1, a",
    "yes",
    "no",
    "0",
    "0.5",
    "mlp",
    '{"a":1}',
  ]);
});

test("a date and time is in the chosen time zone", () => {
  assert.equal(formatDateTime("2026-11-21T23:44:59+00:00", "UTC"), "2026-11-21 23:44");
  assert.equal(formatDateTime("2026-11-21T23:44:59+00:00", "America/Montevideo"), "2026-11-21 20:44");
  assert.equal(formatDateTime("2026-11-21T00:04:00Z", "UTC"), "2026-11-21 00:04"); // never 24:04
});

test("nested values get dotted names, and a list is one value", () => {
  assert.deepEqual(flatten({ train: { epochs: 3, sizes: [1, 2], opt: { name: "adam" } }, empty: null }), [
    ["train.epochs", 3],
    ["train.sizes", [1, 2]],
    ["train.opt.name", "adam"],
    ["empty", null],
  ]);
});
