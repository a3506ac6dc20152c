import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { ago, betterThan, meaning } from "../../plugins/meli_airflow/static/champion_text.js";
import { MODELS } from "./answers.js";
import { address, mount, requests } from "./browser.js";

/** @typedef {import("../../plugins/meli_airflow/types/responses").ChampionNews} ChampionNews */
/** @typedef {import("./browser.js").Mounted} Mounted */
/** @typedef {Record<string, import("./browser.js").Response>} Answers */

/** @type {Mounted | undefined} */
let page;
beforeEach(() => {
  address.search = "";
});
afterEach(() => page?.unmount());

/** @type {ChampionNews} */
const NEWS = {
  decision: 1,
  model: "run_1/plan/mlp",
  days: 3,
  data_days: 4,
  newer_nights: 0,
  first: false,
  better_than: { set: "cnn", gain: 0.0123, interval: [0.004, 0.02], probability: 0.99, by_hand: "" },
  way_back: {
    to: 2,
    set: "cnn",
    balanced_accuracy: 0.8877,
    interval: [0.88, 0.89],
    at: "2026-11-19T04:00:00+00:00",
    run_id: "run_0",
    gone: false,
  },
  gone: "",
  warnings: [],
  last_run: {
    run_id: "run_2",
    outcome: "kept",
    sentence: "It kept mlp, because cnn may be no better: +0.0055 (−0.0040 to +0.0154).",
    detail: "the whole reason",
    task: "",
    map_index: -1,
    at: "2026-11-22T04:00:00+00:00",
  },
  in_airflow: ["run_2"],
};

/** @type {(news?: Partial<ChampionNews>, more?: Answers) => Answers} */
const overview = (news = {}, more = {}) => ({
  "GET models?limit=100": { body: MODELS },
  "GET champion-news": { body: { ...NEWS, ...news } },
  "GET mlflow": { body: { version: "7", url: "http://mlflow/7", note: "" } },
  "GET decisions?limit=20": { body: { all: 0, decisions: [], in_airflow: [] } },
  "GET rights": { body: { user: "ana", decide: true } },
  "GET nights?limit=30": { body: { all: 0, matching: 0, nights: [], test_sets: [], before: 60, in_airflow: [] } },
  ...more,
});

const links = () =>
  Object.fromEntries(page?.all("Router.Link").map(({ props, children }) => [children.join(""), props.to]) ?? []);

test("a balanced accuracy in words", () => {
  assert.equal(meaning(0.9512), "Of 100 titles of an average category, about 95 are classified correctly.");
  assert.equal(meaning(0.997), "Of 100 titles of an average category, more than 99 are classified correctly.");
  assert.deepEqual([0, 1, 12].map(ago), ["today", "1 day ago", "12 days ago"]);
});

test("the gain over the previous champion is the stored one, and what has none says why", () => {
  assert.equal(betterThan(undefined), "");
  assert.equal(betterThan(NEWS), "It replaced cnn: +0.0123 in balanced accuracy, 95 % interval +0.0040 to +0.0200.");
  assert.match(betterThan({ ...NEWS, first: true, better_than: null }), /first champion/);
  const better = { set: "cnn", gain: null, interval: null, probability: null, by_hand: "ana" };
  assert.equal(betterThan({ ...NEWS, better_than: better }), "ana promoted it by hand in place of cnn.");
  assert.match(betterThan({ ...NEWS, better_than: { ...better, by_hand: "" } }), /no gain was recorded/);
});

test("the card says how good, better than what, since when, and what the last run did", async () => {
  page = await mount("Models", {}, overview());
  for (const text of [
    "Of 100 titles of an average category, about 90 are classified correctly.",
    "It replaced cnn: +0.0123 in balanced accuracy",
    "Champion since 2026-11-21 04:00 (3 days ago). Trained on titles up to 20 Nov 2026 (4 days ago).",
    "Last runkept",
    "It kept mlp, because cnn may be no better: +0.0055 (−0.0040 to +0.0154).",
    "the previous champion, promoted on 2026-11-19 04:00 with 0.8877",
  ]) {
    assert.ok(page.text.includes(text), `${text} is not in:\n${page.text}`);
  }
  assert.equal(links()["What it confuses"], "/plugin/models?model=run_1%2Fplan%2Fmlp&show=confusions");
  assert.equal(links()["Try a title"], "/plugin/models?try=1");
  assert.equal(links().run_2, "/dags/meli_training/runs/run_2/plugin/meli_run");
});

test("a model card that is missing is not left out without a word", async () => {
  page = await mount("Models", {}, overview());
  assert.match(page.text, /The model card is missing from the store. To make it again, run: meli card \w+/);
});

test("a failed run links to the log of its task", async () => {
  const failed = { outcome: "failed", sentence: "It failed in the task train_mlp.", task: "train_mlp", map_index: 2 };
  page = await mount("Models", {}, overview({ last_run: NEWS.last_run && { ...NEWS.last_run, ...failed } }));
  assert.equal(links()["log of train_mlp"], "/dags/meli_training/runs/run_2/tasks/train_mlp/mapped/2");
});

test("the way back names the model and is what is sent", async () => {
  const decision = { number: 5, set: "cnn" };
  page = await mount("Models", {}, overview({}, { "POST rollback": { body: { decision, warning: "" } } }));
  await page.click("Roll back to cnn");
  assert.match(page.text, /Roll back from mlp to cnn\?\ncnn, champion of decision 2, becomes the current one again/);
  const field = page.all("Input").find(({ props }) => props.placeholder === "Stored with the decision");
  assert.ok(field);
  /** @type {(event: unknown) => void} */ (field.props.onChange)({ target: { value: "recall fell" } });
  await page.settle();
  await page.click("Roll back");
  assert.deepEqual(
    requests.filter(([method]) => method === "POST"),
    [["POST", "rollback", { to: 2, expected: 1, reason: "recall fell" }]],
  );
  assert.equal(requests.filter(([, path]) => path === "champion-news").length, 2);
});

test("no rollback is offered before it is known what it restores", async () => {
  const shown = () => page?.all("Button").some(({ children }) => children.join("").startsWith("Roll back"));
  /** @type {() => void} */
  let arrive = () => undefined;
  const waiting = new Promise((resolve) => {
    arrive = () => resolve(undefined);
  });
  page = await mount("Models", {}, overview({}, { "GET champion-news": { body: NEWS, after: waiting } }));
  assert.match(page.text, /Champion since/);
  assert.equal(shown(), false);
  arrive();
  await page.settle();
  assert.equal(shown(), true);
});

test("the way back of a champion that was replaced meanwhile is not offered, and the new one is asked for", async () => {
  const answers = overview({}, { "GET models?limit=100": { body: { ...MODELS, last_decision: 2 } } });
  page = await mount("Models", {}, answers);
  assert.doesNotMatch(page.text, /Roll back|It replaced/);
  assert.match(page.text, /Last runkept/);
  assert.equal(requests.filter(([, path]) => path === "champion-news").length, 2);
  page.unmount();
  answers["GET champion-news"] = { body: { ...NEWS, decision: 2 } };
  page = await mount("Models", {}, answers);
  assert.match(page.text, /It replaced cnn/);
  await page.click("Roll back to cnn");
  assert.match(page.text, /Roll back from mlp to cnn\?/);
});

test("news that is ahead of the page loads the page again", async () => {
  page = await mount("Models", {}, overview({ decision: 3 }));
  assert.equal(requests.filter(([, path]) => path === "models?limit=100").length, 2);
  assert.doesNotMatch(page.text, /Roll back/);
});

test("if the news cannot be loaded, the previous champion can be restored all the same", async () => {
  const unavailable = { status: 503, body: { detail: "The store does not answer." } };
  page = await mount("Models", {}, overview({}, { "GET champion-news": unavailable }));
  await page.click("Roll back");
  assert.match(page.text, /Roll back from mlp\?\nThe previous champion becomes the current one again/);
});

test("without a way back the card says why instead of a button", async () => {
  const buttons = () => page?.all("Button").map(({ children }) => children.join("")) ?? [];
  page = await mount("Models", {}, overview({ first: true, better_than: null, way_back: null }));
  assert.match(page.text, /There is no other champion to roll back to\./);
  assert.ok(!buttons().some((label) => label.startsWith("Roll back")));
  page.unmount();
  page = await mount("Models", {}, overview({ way_back: NEWS.way_back && { ...NEWS.way_back, gone: true } }));
  assert.match(page.text, /The previous champion, cnn, is no longer in the store\./);
  assert.ok(!buttons().some((label) => label.startsWith("Roll back")));
});

test("only what needs attention is a warning: the alias, the data, a model that is gone", async () => {
  const titles = () => page?.all("Alert.Title").map(({ children }) => children.join("")) ?? [];
  page = await mount("Models", {}, overview());
  assert.deepEqual(titles(), []);
  page.unmount();
  const mlflow = { version: "7", url: "http://mlflow/7", note: "MLflow's alias differs.", differs: true };
  page = await mount("Models", {}, overview({ warnings: ["Its data is old."] }, { "GET mlflow": { body: mlflow } }));
  assert.match(page.text, /2 things need attention\nIts data is old\.\nMLflow's alias differs\./);
  page.unmount();
  const silent = { note: "No tracking server is configured: MLFLOW_TRACKING_URI is empty." };
  page = await mount("Models", {}, overview({ gone: "The model is not there." }, { "GET mlflow": { body: silent } }));
  assert.deepEqual(titles(), ["The champion's model is gone"]);
  const tries = page.all("Router.Link").filter(({ children }) => children.join("") === "Try a title");
  assert.deepEqual(
    tries.map(({ props }) => props.to),
    ["/plugin/models?try=1"],
  ); // the page's own, none of the card
});

test("without a champion the last run is displayed all the same", async () => {
  const none = { champion: null, rows: [] };
  const news = { days: null, better_than: null, way_back: null, model: "" };
  page = await mount("Models", {}, overview(news, { "GET models?limit=100": { body: { ...MODELS, ...none } } }));
  assert.match(page.text, /There is no champion yet/);
  assert.match(page.text, /Last runkept/);
});
