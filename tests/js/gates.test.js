import assert from "node:assert/strict";
import { test } from "node:test";
import { gateState, gateText, gateTitle } from "../../plugins/meli_airflow/static/gates.js";

/** @type {(name: string, value: number | null, limit: number, passed?: boolean | null) => import("../../plugins/meli_airflow/types/responses").Gate} */
const gate = (name, value, limit, passed = true) => ({ name, value, limit, passed, detail: "" });

test("a gate says in plain words what was observed and what allowed", () => {
  /** @type {[ReturnType<typeof gate>, string, string][]} */
  const cases = [
    [gate("megabytes", 50.38, 2000), "Size of the model", "50 MB of at most 2,000 MB"],
    [gate("megabytes", 0.68, 2000), "Size of the model", "0.7 MB of at most 2,000 MB"],
    [gate("milliseconds", 1.523, 50), "CPU time to classify a title", "1.5 ms of at most 50 ms"],
    [gate("gain", 0.012, 0.001), "Gain in balanced accuracy", "+0.0120, at least +0.0010 required"],
    [gate("gain", -0.012, 0.001), "Gain in balanced accuracy", "−0.0120, at least +0.0010 required"],
    [gate("probability", 0.9675, 0.9), "Probability that it is better", "96.8 %, at least 90 % required"],
    [gate("probability", 0, 0.95), "Probability that it is better", "below 0.1 %, at least 95 % required"],
    [gate("probability", 1, 0.95), "Probability that it is better", "above 99.9 %, at least 95 % required"],
    [gate("category_drop", 0.25, 0.3), "Largest loss of recall in a category", "0.250 of at most 0.300"],
    [gate("category_loss", 0.25, 0.01), "p-value of the largest loss in a category", "0.250, at least 0.010 required"],
    [
      gate("category_loss", 0.0002, 0.01),
      "p-value of the largest loss in a category",
      "below 0.001, at least 0.010 required",
    ],
    [gate("category_drop", null, 0.3), "Largest loss of recall in a category", "no value; at most 0.300 allowed"],
    [
      gate("unseen_titles", 55, 300, false),
      "Test titles that are new to every model",
      "55 titles, at least 300 titles required",
    ],
    [gate("golden_titles", 1, 0, false), "Misclassified golden titles", "1 title, none allowed"],
    [gate("sum_of_parts", 7, 9), "Sum of parts", "7, limit 9"],
  ];
  for (const [one, title, text] of cases) assert.deepEqual([gateTitle(one), gateText(one)], [title, text]);
});

test("a gate that looked at nothing was not checked, whatever it says", () => {
  assert.equal(gateState(gate("category_drop", null, 0.3, null)), "not checked");
  assert.equal(gateState(gate("category_drop", null, 0.3, true)), "not checked");
  assert.equal(gateState(gate("milliseconds", null, 50, false)), "failed");
  assert.equal(gateState(gate("gain", 0.1, 0.3, false)), "failed");
  assert.equal(gateState(gate("gain", 0.4, 0.3, true)), "passed");
});
