import assert from "node:assert/strict";
import test from "node:test";
import { barOf } from "../../plugins/meli_airflow/static/bars.js";
import { MOST_PINS, pinsOf, toggled } from "../../plugins/meli_airflow/static/pins.js";

test("a bar lies where its interval is on the scale", () => {
  assert.deepEqual(barOf([0.9, 1], 0.95, [0.8, 1]), {
    from: (0.9 - 0.8) / (1 - 0.8),
    to: 1,
    at: (0.95 - 0.8) / (1 - 0.8),
    beyond: false,
  });
});

test("what lies below the scale of the best models stays at its end and has no dot", () => {
  assert.deepEqual(barOf([0.001, 0.02], 0.008, [0.8, 1]), { from: 0, to: 0, at: null, beyond: true });
});

const storage = (/** @type {string | null} */ kept) => ({ getItem: () => kept });

test("pins of the address count, and those that the browser kept only without any", () => {
  assert.deepEqual(pinsOf(new URLSearchParams("pin=a&pin=b"), storage('["c"]')), ["a", "b"]);
  assert.deepEqual(pinsOf(new URLSearchParams(""), storage('["c"]')), ["c"]);
  for (const kept of [null, "{", "7", "[1, null]"])
    assert.deepEqual(pinsOf(new URLSearchParams(""), storage(kept)), []);
});

test("a click pins a model or takes its pin away, and the oldest pin makes room", () => {
  assert.deepEqual(toggled(["a"], "b"), ["a", "b"]);
  assert.deepEqual(toggled(["a", "b"], "a"), ["b"]);
  const many = Array.from({ length: MOST_PINS }, (_, place) => String(place));
  assert.deepEqual(toggled(many, "new"), [...many.slice(1), "new"]);
});
