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

const MAY = { "GET rights": { body: { user: "ana", "stop-training": true } } };
const RUN_FAILED = { "GET runs/a%2Fb": { body: { ...RUN, state: "failed", head: FAILED } } };

/** Press the button, give a reason, and confirm. */
async function clearAndRun() {
  await page?.click("Clear and run again …");
  const field = page?.all("Input").find(({ props }) => props.placeholder === "Stored as a note on the tasks");
  assert.ok(field, page?.text);
  /** @type {(event: unknown) => void} */ (field.props.onChange)({ target: { value: "the disk was full" } });
  await page?.settle();
  await page?.click("Clear and run");
}

const sent = () => requests.filter(([method]) => method === "POST");

test("clear and run again asks first", async () => {
  page = await mount("Result", PROPS, { ...RUN_FAILED, ...MAY });
  await page.click("Clear and run again …");
  assert.match(page.text, /2 failed tasks and all tasks after them run again/);
  await page.click("Cancel");
  assert.deepEqual(sent(), []);
});

test("clear and run again clears the failed tasks with those after them, and what it did stays on the page", async () => {
  /** @type {Record<string, import("./browser.js").Response>} */
  const answers = { ...RUN_FAILED, ...MAY, [CLEAR]: { body: {} } };
  page = await mount("Result", PROPS, answers);
  answers["GET runs/a%2Fb"] = { body: { ...RUN, state: "queued", head: { ...FAILED, failed: [] } } };
  await clearAndRun();
  assert.deepEqual(
    sent().map(([, , body]) => body),
    [
      {
        dag_run_id: "a/b",
        dry_run: false,
        only_failed: false,
        include_downstream: true,
        reset_dag_runs: true,
        prevent_running_task: true,
        task_ids: [["train_cnn", 2], "ingest"],
        note: "the disk was full",
      },
    ],
  );
  assert.match(page.text, /The tasks were cleared\./);
  assert.doesNotMatch(page.text, /Clear and run again/);
});

test("tasks that run already are not cleared a second time", async () => {
  const detail = "AirflowClearRunningTaskException: Disable 'prevent_running_task' to proceed";
  page = await mount("Result", PROPS, { ...RUN_FAILED, ...MAY, [CLEAR]: { status: 409, body: { detail } } });
  await clearAndRun();
  assert.match(page.text, /At least one of these tasks is running again already\. Nothing was changed\./);
  assert.doesNotMatch(page.text, /AirflowClearRunningTaskException/);
});

test("who may not clear tasks has no button for it", async () => {
  page = await mount("Result", PROPS, {
    ...RUN_FAILED,
    "GET rights": { body: { user: "ana", "stop-training": false } },
  });
  assert.match(page.text, /Failed in train_cnn/);
  assert.doesNotMatch(page.text, /Clear and run again/);
});

test("a run that ended well has no button to run it again", async () => {
  page = await mount("Result", PROPS, { "GET runs/a%2Fb": { body: RUN } });
  assert.match(page.text, /Kept\nIt kept mlp, because cnn may be no better\./);
  assert.doesNotMatch(page.text, /run again/);
});
