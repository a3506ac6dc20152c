import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { address, mount, requests } from "./browser.js";

/** @typedef {import("./browser.js").Mounted} Mounted */
/** @typedef {import("../../plugins/meli_airflow/types/responses").Explanation} Explanation */
/** @typedef {import("../../plugins/meli_airflow/types/responses").ScoredFile} ScoredFile */

/** @type {Mounted | undefined} */
let page;
beforeEach(() => {
  address.search = "?try=1&title=perfume+qwe";
});
afterEach(() => page?.unmount());

/** @type {Explanation} */
const KNOWN = {
  title: "perfume qwe",
  known: true,
  categories: [
    { category: "PERFUMES", probability: 0.91 },
    { category: "SNEAKERS", probability: 0.05 },
  ],
  words: [
    { text: "perfume", known: "word", effect: 0.412 },
    { text: "qwe", known: "nothing", effect: -0.013 },
  ],
};

/** @param {Explanation} title */
const answer = (title) => ({
  "POST predict": {
    body: { model: "champion mlp", train: "a".repeat(32), sha256: "b".repeat(64), warning: "", titles: [title] },
  },
  "GET mlflow": { body: { version: "3", url: "http://mlflow/3", note: "" } },
});

test("a title of the address is classified at once, with its words and the model that did it", async () => {
  page = await mount("Models", {}, answer(KNOWN));
  assert.deepEqual(requests[0], ["POST", "predict", { titles: ["perfume qwe"], model: "" }]);
  assert.match(page.text, /PERFUMES\n0\.9100/);
  assert.deepEqual(page.rowsOf("Words of the title"), ["perfume\nknown\n+0.412", "qwe\nunknown\n−0.013"]);
  for (const text of ["Model\nchampion mlp", `Key\n${"a".repeat(32)}@${"b".repeat(12)}`, "MLflow\nversion 3"]) {
    assert.ok(page.text.includes(text), `${text} is not in:\n${page.text}`);
  }
});

test("without a known word there is a sentence, and no category", async () => {
  const words = KNOWN.words.map((word) => ({ ...word, known: /** @type {const} */ ("nothing"), effect: null }));
  page = await mount("Models", {}, answer({ ...KNOWN, known: false, categories: [], words }));
  assert.match(page.text, /No known word\nThe model has seen none of these words/);
  assert.deepEqual(page.rowsOf("Words of the title"), ["perfume\nunknown", "qwe\nunknown"]);
  assert.doesNotMatch(page.text, /Effect/);
});

test("a model can be named, and its page is linked", async () => {
  address.search = "?try=1&title=perfume&model=run_1/plan/cnn";
  page = await mount("Models", {}, answer(KNOWN));
  assert.deepEqual(requests[0], ["POST", "predict", { titles: ["perfume"], model: "run_1/plan/cnn" }]);
  assert.match(page.text, /classified by cnn/);
  assert.match(page.text, /The model's page/);
  assert.doesNotMatch(page.text, /version 3/);
});

test("what is wrong is a sentence: no champion yet, or a model that is gone", async () => {
  const detail = "There is no champion in s3://titles yet. `meli run all` trains and promotes one.";
  page = await mount("Models", {}, { "POST predict": { status: 404, body: { detail } } });
  assert.match(page.text, /This title could not be classified\nThere is no champion in s3:\/\/titles yet/);
});

test("Enter classifies what is typed, without waiting", async () => {
  address.search = "?try=1&title=old";
  const old = { ...KNOWN, title: "old", categories: [{ category: "OLD", probability: 1 }] };
  const answers = answer(old);
  page = await mount("Models", {}, answers);
  assert.match(page.text, /OLD\n1\.0000/);
  const [input] = page.all("Input");
  assert.ok(input);
  /** @type {(event: unknown) => void} */ (input.props.onChange)({ target: { value: " new " } });
  await page.settle();
  answers["POST predict"] = answer(KNOWN)["POST predict"];
  const form = page.all("Box").find(({ props }) => props.as === "form");
  assert.ok(form);
  let prevented = false;
  const event = {
    preventDefault: () => {
      prevented = true;
    },
  };
  /** @type {(event: unknown) => void} */ (form.props.onSubmit)(event);
  await page.settle();
  assert.ok(prevented);
  assert.deepEqual(requests.filter(([, path]) => path === "predict").at(-1)?.[2], { titles: ["new"], model: "" });
  assert.doesNotMatch(page.text, /OLD\n/);
  assert.match(address.search, /title=new/);
});

test("an answer that a newer question has replaced never appears, however late it comes", async () => {
  address.search = "?try=1&title=old";
  const prepared = globalThis.fetch;
  /** @type {((title: Explanation) => void)[]} */
  const answers = [];
  globalThis.fetch = () =>
    new Promise((resolve) => {
      answers.push((title) => {
        const { body } = answer(title)["POST predict"];
        resolve(/** @type {Response} */ ({ ok: true, json: async () => body }));
      });
    });
  try {
    page = await mount("Models", {}, {});
    const [input] = page.all("Input");
    assert.ok(input);
    /** @type {(event: unknown) => void} */ (input.props.onChange)({ target: { value: "new" } });
    await page.settle();
    const form = page.all("Box").find(({ props }) => props.as === "form");
    assert.ok(form);
    /** @type {(event: unknown) => void} */ (form.props.onSubmit)({ preventDefault: () => undefined });
    await page.settle();
    assert.equal(answers.length, 2);
    answers[1]?.(KNOWN);
    answers[0]?.({ ...KNOWN, title: "old", categories: [{ category: "OLD", probability: 1 }] });
    await page.settle();
    assert.match(page.text, /PERFUMES\n0\.9100/);
    assert.doesNotMatch(page.text, /OLD/);
  } finally {
    globalThis.fetch = prepared;
  }
});

test("an empty title asks nothing", async () => {
  address.search = "?try=1";
  page = await mount("Models", {}, {});
  await turn();
  assert.deepEqual(requests, []);
});

/** @param {string} name @param {number} size */
const chosen = (name, size) => ({ name, size, arrayBuffer: async () => new Uint8Array(size).buffer });

/** @param {unknown} file */
async function choose(file) {
  const input = page?.all("Input").find(({ props }) => props.type === "file");
  assert.ok(input && page);
  /** @type {(event: unknown) => void} */ (input.props.onChange)({ target: { files: [file] } });
  await page.settle();
}

test("a file that is too large or empty is refused before it is sent", async () => {
  address.search = "?try=1";
  page = await mount("Models", {}, {});
  await choose(chosen("big.csv", 2_300_000));
  assert.match(page.text, /This file was not scored\nbig\.csv has 2\.\d MB, but a file scored here can have at most/);
  await choose(chosen("none.csv", 0));
  assert.match(page.text, /none\.csv is empty\./);
  assert.deepEqual(requests, []);
});

test("a scored file shows its first rows, what is wrong with the others, and a download", async () => {
  address.search = "?try=1";
  /** @type {ScoredFile} */
  const result = {
    model: "champion mlp",
    train: "a".repeat(32),
    sha256: "b".repeat(64),
    warning: "",
    column: "title",
    rows: 1234,
    unknown_rows: 1,
    bad_rows: 1,
    notes: ["1 row got no category, because the model knows no word of the title."],
    first: [
      { title: "perfume", category: "PERFUMES", probability: 0.91, known: true },
      { title: "qwe", category: "", probability: null, known: false },
      { title: "", category: "", probability: null, known: null },
    ],
    csv: "title\n",
  };
  const lines = [
    { fraction: 0, rows: 0, error: "", result: null },
    { fraction: 1, rows: 1234, error: "", result },
  ];
  page = await mount("Models", {}, { "POST predict/file": { body: lines } });
  await choose(chosen("t.csv", 3));
  assert.deepEqual(requests[0], ["POST", "predict/file", { name: "t.csv", content: "AAAA", model: "" }]);
  assert.match(page.text, /t\.csv: 1,234 rows, 1,232 classified by champion mlp/);
  assert.match(page.text, /Download the result/);
  assert.match(page.text, /The first 3 of 1,234 rows\./);
  assert.deepEqual(page.rowsOf("First rows of the result"), [
    "perfume\nPERFUMES\n0.9100",
    "qwe\nno known word\n–",
    "no title\n–",
  ]);
});

test("an error in the middle of a file is a sentence", async () => {
  address.search = "?try=1";
  const lines = [
    { fraction: 0.5, rows: 10, error: "", result: null },
    { fraction: 0, rows: 0, error: "The files of the model are gone.", result: null },
  ];
  page = await mount("Models", {}, { "POST predict/file": { body: lines } });
  await choose(chosen("t.csv", 3));
  assert.match(page.text, /This file was not scored\nThe files of the model are gone\./);
});
