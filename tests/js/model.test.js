import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { modelAnswer } from "./answers.js";
import { address, mount } from "./browser.js";

/** @typedef {import("./browser.js").Mounted} Mounted */

/** @type {Mounted | undefined} */
let page;
const ID = "run_1/plan/mlp";
const API = "GET model/run_1/plan/mlp";
beforeEach(() => {
  address.search = `?${new URLSearchParams({ model: ID })}`;
});
afterEach(() => page?.unmount());

test("a model's page begins with its figure, how sure it is, and the titles behind it", async () => {
  page = await mount("Models", {}, { [API]: { body: modelAnswer() } });
  for (const text of [
    "0.9000\nbalanced accuracy, 95 % interval 0.8900 to 0.9100\non the 1,049 test titles of titles.csv, 20 Nov 2026",
    "Top 3\n0.9800",
    "Calibration error\n0.0210",
    "Reference model\n0.8800\n0.8700 to 0.8900; TF-IDF",
  ]) {
    assert.ok(page.text.includes(text), `${text} is not in:\n${page.text}`);
  }
  assert.equal(document.title, "mlp of run_1 – Models");
});

test("a champion's figure is less what its selection added, and says so", async () => {
  const figure = {
    balanced_accuracy: 0.88,
    interval: /** @type {[number, number]} */ ([0.89, 0.91]),
    evaluated: 0.9,
    selection_bias: 0.02,
  };
  page = await mount("Models", {}, { [API]: { body: modelAnswer({ figure, champion: true }) } });
  assert.match(page.text, /0\.8800\nbalanced accuracy/);
  assert.match(page.text, /evaluated at 0\.9000, less 0\.0200: it was selected on these titles/);
});

test("a model that was not evaluated has no figure, and its page says why", async () => {
  const missing = ["The run run_1 has not evaluated this model yet, or ended before it could."];
  const body = modelAnswer({ figure: null, figures: null, test_set: null, missing });
  page = await mount("Models", {}, { [API]: { body } });
  assert.match(page.text, /Not everything is there\nThe run run_1 has not evaluated this model yet/);
  assert.match(page.text, /No figure: it was not evaluated\./);
});

test("an unknown model is a sentence, not an empty page", async () => {
  const detail = "The run run_1 has no model 'mlp'; it has cnn.";
  page = await mount("Models", {}, { [API]: { status: 404, body: { detail } } });
  assert.match(page.text, /Could not load this\nThe run run_1 has no model 'mlp'; it has cnn\./);
});
