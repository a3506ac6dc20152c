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
  assert.equal(document.title, "mlp of run_1 - Airflow");
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

const PAIRS = {
  id: ID,
  test_titles: 1049,
  of: "",
  pairs: [{ category: "SOFAS", predicted: "CHAIRS", titles: 2, of_titles: 8 }],
  has_titles: true,
};
const TITLES = {
  category: "SOFAS",
  predicted: "CHAIRS",
  titles: 2,
  shown: [{ row: 7, title: "Sillon <b>doble</b>", probability: 0.91234, true_probability: null }],
};
const CATEGORIES = [
  {
    category: "SOFAS",
    recall: 0.75,
    titles: 8,
    few: false,
    interval: /** @type {[number, number]} */ ([0.4, 0.9]),
    predicted: 6,
  },
  { category: "LAMPS", recall: 0, titles: 1, few: true, interval: null, predicted: 0 },
];

test("a confused pair unfolds into its titles with the probabilities of both categories", async () => {
  page = await mount(
    "Models",
    {},
    {
      [API]: { body: modelAnswer() },
      [`${API}/confusions`]: { body: PAIRS },
      [`${API}/confusions?category=SOFAS&predicted=CHAIRS&limit=20`]: { body: TITLES },
    },
  );
  assert.match(page.rowsOf("Most confused pairs").join("\n"), /SOFAS\nCHAIRS\n2\s*of 8/);
  assert.doesNotMatch(page.text, /Sillon/);
  await page.click("Show");
  assert.deepEqual(
    page.rowsOf("Titles of SOFAS put into CHAIRS").map((line) => line.split("\n").at(0)),
    ["Sillon <b>doble</b>"],
  );
  assert.match(page.text, /0\.912\s+not stored/);
  await page.click("Hide");
  assert.doesNotMatch(page.text, /Sillon/);
});

test("a category leads to all of its pairs, by an address that can be sent", async () => {
  const of = { ...PAIRS, of: "LAMPS", pairs: [] };
  page = await mount(
    "Models",
    {},
    {
      [API]: { body: modelAnswer({ categories: CATEGORIES }) },
      [`${API}/confusions`]: { body: PAIRS },
      [`${API}/confusions?of=LAMPS`]: { body: of },
    },
  );
  assert.deepEqual(
    page.rowsOf("Categories").map((line) => line.split("\n")[0]),
    ["SOFAS", "LAMPS"],
  );
  await page.click("Recall");
  await page.click("Recall");
  assert.deepEqual(
    page.rowsOf("Categories").map((line) => line.split("\n")[0]),
    ["LAMPS", "SOFAS"],
  );
  await page.click("LAMPS");
  assert.equal(new URLSearchParams(address.search).get("category"), "LAMPS");
  assert.match(page.text, /Confusions of LAMPS/);
  assert.match(page.text, /No confusion\nOf the test titles, none of LAMPS/);
});

test("a part with too few titles is marked, and the others are not", async () => {
  const part = { kind: "language", balanced_accuracy: 0.8, accuracy: 0.81, interval: null };
  const slices = [
    { ...part, name: "spanish", titles: 500, few: false },
    { ...part, name: "portuguese", titles: 3, few: true },
  ];
  page = await mount(
    "Models",
    {},
    { [API]: { body: modelAnswer({ slices }) }, [`${API}/confusions`]: { body: PAIRS } },
  );
  const [, spanish = "", portuguese = ""] = page.rowsOf("Slices");
  assert.match(portuguese, /few titles/);
  assert.doesNotMatch(spanish, /few titles/);
});

test("a model card is headings and tables, and its HTML is text", async () => {
  const card =
    "---\na: b\n---\n# Model card\n\n<script>alert(1)</script>\n\n| metric | value |\n| --- | ---: |\n| top 3 | 0.9 |\n";
  page = await mount("Models", {}, { [API]: { body: modelAnswer({ card }) }, [`${API}/confusions`]: { body: PAIRS } });
  assert.ok(page.all("Heading").some(({ children }) => children.includes("Model card")));
  assert.match(page.text, /<script>alert\(1\)<\/script>/);
  assert.deepEqual(page.rowsOf("metric, value"), ["top 3\n0.9"]);
  assert.doesNotMatch(page.text, /a: b/);
});
