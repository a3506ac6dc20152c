import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { RUN } from "./answers.js";
import { mount, requests } from "./browser.js";

/** @typedef {import("./browser.js").Mounted} Mounted */
/** @typedef {import("../../plugins/meli_airflow/types/responses").RunHead} RunHead */

/** @type {Mounted | undefined} */
let page;
afterEach(() => page?.unmount());

const PROPS = { dagId: "meli_training", runId: "a/b" };
const CLEAR = "POST v2/dags/meli_training/clearTaskInstances";

/** @type {RunHead} */
const FAILED = {
  outcome: "failed",
  title: "Failed in train_cnn [cnn]: the loss is not finite",
  detail: "",
  warning: "",
  failed: [
    { task: "train_cnn", map_index: 2, label: "train_cnn [cnn]", message: "the loss is not finite", in_airflow: true },
    { task: "ingest", map_index: -1, label: "ingest", message: "<b>no</b> titles", in_airflow: true },
  ],
};

test("a run that is still to be planned says so, and one that failed says why and links to the log", async () => {
  const running = { outcome: "running", title: "Running: planning", detail: "", failed: [], warning: "" };
  page = await mount("Result", PROPS, {
    "GET runs/a%2Fb": { body: { state: "running", plan: "", head: running } },
  });
  assert.match(page.text, /Running: planning/);
  assert.match(page.text, /appears here without a reload/);
  page.unmount();
  page = await mount("Result", PROPS, { "GET runs/a%2Fb": { body: { state: "failed", plan: "", head: FAILED } } });
  assert.match(page.text, /Failed in train_cnn \[cnn\]: the loss is not finite/);
  assert.match(page.text, /ingest: <b>no<\/b> titles/); // as text
  const links = page.all("Router.Link").map(({ props }) => props.to);
  assert.deepEqual(links, [
    "/dags/meli_training/runs/a%2Fb/tasks/train_cnn/mapped/2",
    "/dags/meli_training/runs/a%2Fb/tasks/ingest",
  ]);
  assert.doesNotMatch(page.text, /appears here/);
});

test("an unknown run says so and is not asked for again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const detail = "There is no run 'a/b': neither Airflow nor the store knows it.";
  page = await mount("Result", PROPS, { "GET runs/a%2Fb": { status: 404, body: { detail } } });
  assert.match(page.text, /There is no such run\nThere is no run 'a\/b'/);
  t.mock.timers.tick(120_000);
  await page.settle();
  assert.equal(requests.length, 1);
});

test("clear and run again clears the failed tasks with those after them, and what it did is said", async () => {
  page = await mount("Result", PROPS, {
    "GET runs/a%2Fb": { body: { ...RUN, state: "failed", head: FAILED } },
    [CLEAR]: { body: {} },
  });
  await page.click("Clear and run again");
  const [, , body] = requests.find(([method]) => method === "POST") ?? [];
  assert.deepEqual(body, {
    dag_run_id: "a/b",
    dry_run: false,
    only_failed: false,
    include_downstream: true,
    reset_dag_runs: true,
    prevent_running_task: true,
    task_ids: [["train_cnn", 2], "ingest"],
  });
  assert.match(page.text, /run again\. Results that are already computed are reused/);
});

test("who may not clear tasks reads that nothing was changed", async () => {
  page = await mount("Result", PROPS, {
    "GET runs/a%2Fb": { body: { ...RUN, state: "failed", head: FAILED } },
    [CLEAR]: { status: 403, body: { detail: "Forbidden" } },
  });
  await page.click("Clear and run again");
  assert.match(page.text, /You may not clear tasks of meli_training\. Nothing was changed\./);
});

test("a run that ended well has no button to run it again", async () => {
  page = await mount("Result", PROPS, { "GET runs/a%2Fb": { body: RUN } });
  assert.match(page.text, /Kept\nIt kept mlp, because cnn may be no better\./);
  assert.doesNotMatch(page.text, /run again/);
});
