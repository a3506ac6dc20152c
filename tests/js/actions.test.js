import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { MODELS, RUN } from "./answers.js";
import { mount, requests } from "./browser.js";

/** @typedef {import("./browser.js").Mounted} Mounted */

/** @type {Mounted | undefined} */
let page;
afterEach(() => page?.unmount());

const MAY = { user: "ana", decide: true, answer: true, "stop-training": true, "cancel-backfill": true };
const NOT = { user: "ana", decide: false, answer: false, "stop-training": false, "cancel-backfill": false };
const RUN_TAB = { dagId: "meli_training", runId: "run_1" };
const WAITING = {
  ...RUN,
  state: "running",
  question: "Promote mlp?",
  asked: { evidence: "**mlp** is better by 0.02", ready_in: 0 },
  head: {
    outcome: "waiting",
    title: "Waiting for approval",
    detail: "It waits for approval: Promote mlp?",
    failed: [],
  },
};
const TRAINING = {
  task: { state: "running" },
  set: "mlp",
  state: "running",
  key: "b".repeat(32),
  architecture: "mlp",
  epochs_total: 10,
  epochs: [],
  losses: [],
  kept_epoch: null,
  keep: "",
  stopped_by: "",
  seconds: null,
  at: "",
  made_by: "",
  hit: false,
  progress: { epoch: 2 },
  error: "",
};
const TASK_TAB = { dagId: "meli_training", runId: "run_1", taskId: "train_mlp", mapIndex: 0 };
const TRAINING_PATH = "GET training?run_id=run_1&task_id=train_mlp&map_index=0";
const BACKFILL = {
  state: "running",
  approval: "success",
  runs: { "a day": "running" },
  preview: {
    at: "2026-11-21T04:00:00+00:00",
    request: { sets: ["mlp"], source: "{ds}.csv", promotion: "never" },
    dates: [],
    warnings: [],
    computed: 1,
    cached: 0,
    estimate_seconds: null,
    saved_seconds: 0,
  },
  report: null,
};
const BACKFILL_TAB = { dagId: "meli_backfill", runId: "days" };

const posts = () => requests.filter(([method]) => method === "POST");
const buttons = () => page?.all("Button").map(({ children }) => children.join("").trim()) ?? [];

/** @param {string} text */
async function giveReason(text) {
  const field = page?.all("Input").find(({ props }) => props.autoFocus);
  assert.ok(field, page?.text);
  /** @type {(event: unknown) => void} */ (field.props.onChange)({ target: { value: text } });
  await page?.settle();
}

test("a run that waits is approved on its tab, with a reason, and the tab says what happened", async () => {
  page = await mount("Result", RUN_TAB, {
    "GET runs/run_1": { body: WAITING },
    "GET rights": { body: MAY },
    "POST answer": { body: { done: "You approved the model. The run continues and promotes it." } },
  });
  assert.match(page.text, /\*\*mlp\*\* is better by 0\.02/);
  await page.click("Approve …");
  assert.match(page.text, /Approve\? Promote mlp\?/);
  await giveReason("<b>recall</b> is fine");
  await page.click("Approve");
  assert.deepEqual(posts(), [["POST", "answer", { run_id: "run_1", approve: true, reason: "<b>recall</b> is fine" }]]);
  assert.match(page.text, /You approved the model\. The run continues and promotes it\./);
  assert.ok(!buttons().includes("Reject …"));
});

test("a run that has only just asked cannot be answered yet, and says so", async () => {
  const asked = { evidence: "", ready_in: 3.5 };
  page = await mount("Result", RUN_TAB, {
    "GET runs/run_1": { body: { ...WAITING, asked } },
    "GET rights": { body: MAY },
  });
  assert.match(page.text, /can be answered in a few seconds/);
  assert.deepEqual(page.all("Button").filter(({ props }) => props.disabled).length, 2);
});

test("a refusal stays in the question, and nothing is said to be done", async () => {
  const detail = "The run run_1 does not wait for an answer: its task approve is success. Nothing was changed.";
  page = await mount("Result", RUN_TAB, {
    "GET runs/run_1": { body: WAITING },
    "GET rights": { body: MAY },
    "POST answer": { status: 409, body: { detail } },
  });
  await page.click("Reject …");
  await giveReason("no");
  await page.click("Reject");
  assert.match(page.text, /its task approve is success\. Nothing was changed/);
});

test("a training run is stopped from its tab", async () => {
  const done = "The training of mlp stops within seconds and keeps its best epoch.";
  page = await mount("Learning curves", TASK_TAB, {
    [TRAINING_PATH]: { body: TRAINING },
    "GET rights": { body: MAY },
    "POST stop-training": { body: { done } },
  });
  await page.click("Stop this training …");
  assert.match(page.text, /the best epoch so far becomes the model/);
  await giveReason("the loss rises");
  await page.click("Stop it");
  assert.deepEqual(posts(), [
    ["POST", "stop-training", { run_id: "run_1", task_id: "train_mlp", map_index: 0, reason: "the loss rises" }],
  ]);
  assert.ok(page.text.includes(done));
});

test("a backfill is cancelled with a reason, and what happened stays on the page", async () => {
  const answers = {
    "GET backfills/days": { body: BACKFILL },
    "GET rights": { body: MAY },
    "POST cancel-backfill": { body: { done: "The backfill is cancelled, and the runs that it started end." } },
  };
  page = await mount("Result", BACKFILL_TAB, answers);
  await page.click("Cancel the backfill");
  assert.match(page.text, /This also stops 1 run of meli_training\. Results that are already computed are kept\./);
  await giveReason("the wrong dates");
  answers["GET backfills/days"] = { body: { ...BACKFILL, state: "failed" } };
  await page.click("Cancel it");
  assert.deepEqual(posts(), [["POST", "cancel-backfill", { run_id: "days", reason: "the wrong dates" }]]);
  assert.match(page.text, /The backfill is cancelled, and the runs that it started end\./);
  assert.ok(!buttons().includes("Cancel the backfill"));
});

test("an alias that points elsewhere is repaired from the champion's card", async () => {
  page = await mount(
    "Models",
    {},
    {
      "GET models?limit=100": { body: MODELS },
      "GET mlflow": { body: { version: "7", url: "", note: "The alias names another model.", differs: true } },
      "GET decisions?limit=20": { body: { all: 0, decisions: [], in_airflow: [] } },
      "GET rights": { body: MAY },
      "POST repair-alias": { body: { done: "The alias points at version 8 again." } },
    },
  );
  await page.click("Repair the alias");
  await giveReason("moved by hand");
  await page.click("Repair it");
  assert.deepEqual(posts(), [["POST", "repair-alias", { reason: "moved by hand" }]]);
  assert.match(page.text, /The alias points at version 8 again\./);
});

test("who may only read sees none of these buttons", async () => {
  const cases = /** @type {const} */ ([
    ["Result", RUN_TAB, { "GET runs/run_1": { body: WAITING } }],
    ["Learning curves", TASK_TAB, { [TRAINING_PATH]: { body: TRAINING } }],
    ["Result", BACKFILL_TAB, { "GET backfills/days": { body: BACKFILL } }],
  ]);
  for (const [name, props, answers] of cases) {
    page = await mount(name, props, { ...answers, "GET rights": { body: NOT } });
    assert.ok(!buttons().some((label) => /…|Cancel/.test(label)), page.text);
    page.unmount();
  }
});
