import assert from "node:assert/strict";
import { test } from "node:test";
import {
  axisLabel,
  columns,
  describe,
  logRange,
  logSplits,
  moveCursor,
  valueAt,
  WHOLE_STEPS,
  xRange,
  yRange,
} from "../../plugins/meli_airflow/static/axis.js";

/** @typedef {import("../../plugins/meli_airflow/static/axis.js").Point} Point */

/** @param {string} label @param {Point[]} points */
const line = (label, points) => ({ label, colour: "--blue", points });

test("series share one x axis, with null where one has no point", () => {
  // biome-ignore format: one line each
  const series = [
    line("long", [[1, 0.1], [2, 0.2], [4, 0.4]]),
    line("late", [[4, 9], [3, 8]]),
    line("none", []),
  ];
  assert.deepEqual(columns(series), [
    [1, 2, 3, 4],
    [0.1, 0.2, null, 0.4],
    [null, null, 8, 9],
    [null, null, null, null],
  ]);
  assert.deepEqual(columns([]), [[]]);
});

test("epochs from 10 on sort by number, not as text", () => {
  assert.deepEqual(
    columns([
      line("one", [
        [10, 1],
        [9, 2],
      ]),
    ])[0],
    [9, 10],
  );
});

test("the x axis spans the points, and has room around a single one", () => {
  assert.deepEqual(xRange(1, 10), [1, 10]);
  assert.deepEqual(xRange(3, 3), [2, 4]);
  assert.deepEqual(xRange(null, null), [0, 1]);
});

test("the y axis leaves a margin, also around a constant, a negative one and zero", () => {
  for (const [low, high] of /** @type {[number, number][]} */ ([
    [0, 1],
    [0.5, 0.5],
    [-2, -2],
    [0, 0],
  ])) {
    const [from, to] = yRange(low, high);
    assert.ok(from < low && to > high, `${low} to ${high}: ${from} to ${to}`);
    assert.ok(to - from <= (high - low || Math.abs(low) || 1) * 1.2, `${low} to ${high}: ${from} to ${to}`);
  }
  assert.deepEqual(yRange(null, null), [0, 1]);
});

test("labels of things that are counted are whole", () => {
  assert.deepEqual(WHOLE_STEPS.slice(0, 5), [1, 2, 5, 10, 20]);
  assert.ok(WHOLE_STEPS.every(Number.isInteger));
});

test("labels are short", () => {
  assert.deepEqual([0, 0.30000000000000004, 0.000123456, 12, 2500, 1234567].map(axisLabel), [
    "0",
    "0.3",
    "0.0001235",
    "12",
    "2,500",
    "1,234,567",
  ]);
});

test("the legend has the value nearest to the cursor, the earlier of two, and the last one without a cursor", () => {
  /** @type {Point[]} */
  const points = [
    [1, 10],
    [3, 30],
    [5, 50],
  ];
  assert.deepEqual(
    [null, 0, 2, 3.1, 9].map((x) => valueAt(points, x)),
    [50, 10, 10, 30, 50],
  );
});

test("the arrow keys move the cursor and stop at the ends", () => {
  assert.deepEqual(
    [
      moveCursor("ArrowRight", null, 3),
      moveCursor("ArrowRight", 0, 3),
      moveCursor("ArrowRight", 2, 3),
      moveCursor("ArrowLeft", null, 3),
      moveCursor("ArrowLeft", 0, 3),
      moveCursor("Home", 2, 3),
      moveCursor("End", 0, 3),
      moveCursor("Escape", 1, 3),
      moveCursor("a", 1, 3),
    ],
    [0, 1, 2, 2, 0, 0, 2, null, undefined],
  );
});

test("a chart says in words where its lines end", () => {
  const series = [
    line("validation", [
      [1, 0.5],
      [2, 0.25],
    ]),
    line("training", []),
  ];
  assert.equal(describe("Loss", series), "Loss: validation ends at 0.2500");
  assert.equal(describe("Loss", []), "Loss: no points yet");
});

test("a logarithmic axis has labels whatever its range", () => {
  /** @type {[number, number, number[]][]} */
  const cases = [
    [0.001, 20, [0.001, 0.01, 0.1, 1, 10]],
    [0.08, 2.7, [0.1, 0.2, 0.5, 1, 2]],
    [0.15, 0.45, [0.15, 0.2, 0.3, 0.4]],
  ];
  for (const [low, high, labels] of cases) assert.deepEqual(logSplits(low, high), labels);
  for (const label of logSplits(0.31, 0.312)) assert.ok(label >= 0.31 && label <= 0.312);
  assert.equal(logSplits(0.31, 0.312).length, 3);
});

test("a logarithmic axis has the same room on both sides of its points", () => {
  const [low, high] = logRange(0.1, 10);
  assert.ok(low < 0.1 && high > 10);
  assert.ok(Math.abs(low * high - 1) < 1e-9);
  assert.deepEqual(logRange(0.5, 0.5), [0.25, 1]);
  assert.deepEqual(logRange(null, null), [0.1, 1]);
});

test("the point that stands out is in the chart's words", () => {
  const points = /** @type {Point[]} */ ([
    [1, 0.5],
    [2, 0.9],
    [3, 0.8],
  ]);
  const series = [{ label: "mlp", colour: "", points, mark: { x: 2, text: "1" } }];
  assert.equal(describe("Accuracy", series), "Accuracy: mlp ends at 0.8000, kept at 2 with 0.9000");
});
