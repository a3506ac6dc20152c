import assert from "node:assert/strict";
import { test } from "node:test";
import { nextOrder, parseOrder, sortRows } from "../../plugins/meli_airflow/static/sorting.js";

/** @typedef {{name: string, score: number | null, note?: string}} Row */
/** @type {Row[]} */
const rows = [
  { name: "b", score: 0.5 },
  { name: "a", score: null },
  { name: "c", score: 0.75, note: "x" },
  { name: "Ä", score: 0.5, note: "" },
  { name: "d", score: 0 },
];
const columns = [
  { key: "name", sort: (/** @type {Row} */ row) => row.name },
  { key: "score", sort: (/** @type {Row} */ row) => row.score },
  { key: "note", sort: (/** @type {Row} */ row) => row.note },
  { key: "plain" },
];
/** @param {readonly Row[]} found */
const names = (found) => found.map(({ name }) => name).join("");

test("numbers sort both ways, with missing values last and equal ones in their old order", () => {
  assert.equal(names(sortRows(rows, columns, ["score", "down"])), "cbÄda");
  assert.equal(names(sortRows(rows, columns, ["score", "up"])), "dbÄca");
});

test("texts sort as people sort them, with empty ones last", () => {
  assert.equal(names(sortRows(rows, columns, ["name", "up"])), "aÄbcd");
  assert.equal(names(sortRows(rows, columns, ["note", "down"])), "cbaÄd");
});

test("NaN counts as missing", () => {
  const values = [Number.NaN, 2, 1].map((score) => ({ name: String(score), score }));
  assert.equal(names(sortRows(values, columns, ["score", "up"])), "12NaN");
  assert.equal(names(sortRows(values, columns, ["score", "down"])), "21NaN");
});

test("a column that is unknown or cannot be sorted leaves the rows alone, and sorting never changes its input", () => {
  assert.equal(sortRows(rows, columns, ["nothing", "up"]), rows);
  assert.equal(sortRows(rows, columns, ["plain", "up"]), rows);
  const before = names(rows);
  sortRows(rows, columns, ["name", "down"]);
  assert.equal(names(rows), before);
});

test("a header sorts down first, then up, then down again", () => {
  assert.deepEqual(nextOrder(["at", "down"], "score"), ["score", "down"]);
  assert.deepEqual(nextOrder(["score", "down"], "score"), ["score", "up"]);
  assert.deepEqual(nextOrder(["score", "up"], "score"), ["score", "down"]);
});

test("an address's order is read, and nonsense is replaced", () => {
  assert.deepEqual(parseOrder("score.up", ["at", "down"]), ["score", "up"]);
  for (const text of [null, "", "score", "score.sideways", ".up"]) {
    assert.deepEqual(parseOrder(text, ["at", "down"]), ["at", "down"], String(text));
  }
});
