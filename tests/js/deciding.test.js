import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { MODELS as EARLIER_MODELS, RUN as EARLIER_RUN, row } from "./answers.js";
import { address, mount, requests } from "./browser.js";

/** @typedef {import("../../plugins/meli_airflow/types/responses").Decision} Decision */
/** @typedef {import("./browser.js").Mounted} Mounted */
/** @typedef {Record<string, import("./browser.js").Response>} Answers */

/** @type {Mounted | undefined} */
let page;
beforeEach(() => {
  address.search = "";
});
afterEach(() => page?.unmount());

/** @type {(number: number, set: string) => Decision} */
const decision = (number, set) => ({
  number,
  at: "2026-11-21T03:10:00+00:00",
  action: "rollback",
  set,
  balanced_accuracy: 0.9,
  gain: null,
  gain_interval: null,
  probability: null,
  gates: [],
  reason: "recall fell",
  by: "ana",
  run_id: "",
});

const DECIDED_ON = { rows: [row("cnn", 0.91), row("mlp", 0.9), row("broken", null)], last_decision: 4 };
const MODELS = { ...EARLIER_MODELS, ...DECIDED_ON };
const RUN = { ...EARLIER_RUN, ...DECIDED_ON };

/** @type {(decide: boolean) => Answers} */
const overview = (decide) => ({
  "GET models?limit=100": { body: MODELS },
  "GET mlflow": { body: { version: "7", url: "https://mlflow/7" } },
  "GET decisions?limit=20": { body: { all: 0, decisions: [], in_airflow: [] } },
  "GET rights": { body: { user: "ana", decide } },
});

/** The labels of the buttons on the page. */
const buttons = () => page?.all("Button").map(({ children }) => children.join("").trim()) ?? [];

/** @param {string} text */
async function giveReason(text) {
  const field = page?.all("Input").find(({ props }) => props.placeholder === "Stored with the decision");
  assert.ok(field, page?.text);
  /** @type {(event: unknown) => void} */ (field.props.onChange)({ target: { value: text } });
  await page?.settle();
}

/** @param {string} label */
async function select(label) {
  const box = page
    ?.all("Checkbox.Root")
    .find(({ children }) =>
      children.some((child) => typeof child !== "string" && child.props["aria-label"] === `Compare ${label} of run_1`),
    );
  assert.ok(box);
  /** @type {() => void} */ (box.props.onCheckedChange)();
  await page?.settle();
}

const sent = () => requests.filter(([method]) => method === "POST");

test("who may only read sees no button to decide", async () => {
  page = await mount("Models", {}, overview(false));
  await select("cnn");
  assert.ok(!buttons().includes("Roll back") && !buttons().includes("Promote"), page.text);
  page.unmount();
  page = await mount(
    "Result",
    { dagId: "meli_training", runId: "run_1" },
    {
      "GET runs/run_1": { body: RUN },
      "GET rights": { body: { user: "ana", decide: false } },
    },
  );
  assert.ok(!buttons().includes("Promote"), page.text);
});

test("a rollback asks for a reason, sends what the page displayed, and loads the page again", async () => {
  const answers = overview(true);
  page = await mount("Models", {}, answers);
  await page.click("Roll back");
  assert.match(page.text, /Roll back from mlp\?/);
  const confirm = page.all("Button").find(({ children }) => children.join("") === "Roll back");
  assert.equal(confirm?.props.disabled, true); // without a reason
  assert.deepEqual(sent(), []);
  await giveReason("recall fell");
  answers["POST rollback"] = { body: { decision: decision(5, "cnn"), warning: "" } };
  answers["GET models?limit=100"] = {
    body: { ...MODELS, last_decision: 5, champion: { ...MODELS.champion, set: "cnn" } },
  };
  await page.click("Roll back");
  assert.deepEqual(sent(), [["POST", "rollback", { to: null, expected: 4, reason: "recall fell" }]]);
  assert.match(page.text, /Decision 5: the champion is now cnn\./);
  assert.equal(requests.filter(([, path]) => path === "models?limit=100").length, 2);
  assert.equal(requests.filter(([, path]) => path === "decisions?limit=20").length, 2);
});

test("a warning about MLflow is displayed with what was done", async () => {
  page = await mount(
    "Models",
    {},
    {
      ...overview(true),
      "POST rollback": { body: { decision: decision(5, "cnn"), warning: "MLflow does not answer." } },
    },
  );
  await page.click("Roll back");
  await giveReason("x");
  await page.click("Roll back");
  assert.match(page.text, /the champion is now cnn\. MLflow does not answer\./);
});

test("if somebody else has decided, it says so and the next try sends the new number", async () => {
  const answers = overview(true);
  answers["POST rollback"] = { status: 409, body: { detail: "its last decision is 5, not 4" } };
  page = await mount("Models", {}, answers);
  await page.click("Roll back");
  await giveReason("recall fell");
  answers["GET models?limit=100"] = { body: { ...MODELS, last_decision: 5 } };
  await page.click("Roll back");
  assert.match(page.text, /its last decision is 5, not 4/);
  await page.click("Roll back");
  assert.deepEqual(
    sent().map(([, , body]) => /** @type {{expected: number}} */ (body).expected),
    [4, 5],
  );
});

test("a refusal stays on the page, and Cancel leaves everything as it was", async () => {
  page = await mount(
    "Models",
    {},
    {
      ...overview(true),
      "POST rollback": { status: 403, body: { detail: "You may not decide on the champion." } },
    },
  );
  await page.click("Roll back");
  await giveReason("recall fell");
  await page.click("Roll back");
  assert.match(page.text, /You may not decide on the champion\./);
  await page.click("Cancel");
  assert.doesNotMatch(page.text, /You may not decide/);
  assert.ok(buttons().includes("Roll back"));
});

test("one selected model can be promoted, unless it is the champion or was not evaluated", async () => {
  page = await mount(
    "Models",
    {},
    {
      ...overview(true),
      "POST promote": { body: { decision: decision(5, "cnn"), warning: "" } },
    },
  );
  await select("mlp");
  assert.ok(!buttons().includes("Promote"));
  await select("mlp");
  await select("cnn");
  await page.click("Promote");
  assert.match(page.text, /Promote cnn of run_1\?\nIts balanced accuracy in that run was 0\.9100\. No gate is applied/);
  await giveReason("<b>we</b> need it");
  await page.click("Promote");
  assert.deepEqual(sent(), [
    ["POST", "promote", { model: "run_1/plan/cnn", expected: 4, reason: "<b>we</b> need it" }],
  ]);
  assert.match(page.text, /Decision 5: the champion is now cnn\./);
});

test("a pinned model whose own ranking is folded can be promoted, too", async () => {
  const body = { ...MODELS, rows: [row("mlp", 0.9)], pinned: [row("cnn", 0.91)] };
  page = await mount("Models", {}, { ...overview(true), "GET models?limit=100": { body } });
  await select("cnn");
  assert.ok(buttons().includes("Promote"));
});

test("no more of the history is requested than the server returns", async () => {
  const body = { all: 1500, decisions: [decision(1500, "mlp")], in_airflow: [] };
  const more = Object.fromEntries([20, 1000].map((limit) => [`GET decisions?limit=${limit}`, { body }]));
  for (let limit = 40; limit < 1000; limit += 20) more[`GET decisions?limit=${limit}`] = { body };
  page = await mount("Models", {}, { ...overview(true), ...more });
  for (let clicks = 0; clicks < 50; clicks += 1) await page.click("Show older decisions");
  const limits = requests.flatMap(([, path]) => (path.startsWith("decisions?") ? [Number(path.split("=")[1])] : []));
  assert.equal(Math.max(...limits), 1000);
});

test("each model of a run that can be promoted has a button", async () => {
  page = await mount(
    "Result",
    { dagId: "meli_training", runId: "run_1" },
    {
      "GET runs/run_1": { body: RUN },
      "GET rights": { body: { user: "ana", decide: true } },
      "POST promote": { body: { decision: decision(5, "cnn"), warning: "" } },
    },
  );
  assert.deepEqual(
    page
      .rowsOf("Leaderboard")
      .filter((line) => line.includes("Promote"))
      .map((line) => line.split("\n")[0]),
    ["cnn"],
  );
  await page.click("Promote");
  await giveReason("we need it");
  await page.click("Promote"); // that of the question, which is above the table
  assert.deepEqual(sent(), [["POST", "promote", { model: "run_1/plan/cnn", expected: 4, reason: "we need it" }]]);
  assert.match(page.text, /Decision 5: the champion is now cnn\./);
});

test("a run and the champion link to their report, if there is one", async () => {
  const links = () => page?.all("Link").map(({ props }) => props.href) ?? [];
  page = await mount(
    "Result",
    { dagId: "meli_training", runId: "manual__1+a" },
    {
      "GET runs/manual__1%2Ba": {
        body: { ...RUN, run_id: "manual__1+a", decision: decision(4, "mlp"), has_report: true },
      },
    },
  );
  assert.ok(
    links().some((href) => String(href).endsWith("/api/report/manual__1%2Ba")),
    String(links()),
  );
  page.unmount();
  const champion = { ...MODELS.champion, has_report: true };
  page = await mount("Models", {}, { ...overview(false), "GET models?limit=100": { body: { ...MODELS, champion } } });
  assert.ok(links().some((href) => String(href).endsWith("/api/report/run_1")));
  page.unmount();
  page = await mount("Models", {}, overview(false));
  assert.ok(!links().some((href) => String(href).includes("/api/report/")));
});
