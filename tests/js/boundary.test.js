import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { RUN } from "./answers.js";
import { mount, windowEvents } from "./browser.js";

/** @typedef {import("./browser.js").Mounted} Mounted */

/** @type {Mounted | undefined} */
let page;
afterEach(() => page?.unmount());

const TAB = { dagId: "meli_training", runId: "run_1" };

test("a fault in one part of a tab leaves the others", async () => {
  page = await mount("Result", TAB, { "GET runs/run_1": { body: { ...RUN, steps: undefined } } });
  assert.match(
    page.text,
    /The summary cannot be displayed\nThe rest of this page is not affected\. The browser reports: /,
  );
  assert.match(page.text, /It kept mlp, because cnn may be no better/);
  assert.equal(page.rowsOf("Leaderboard").length, 3);
});

test("an error outside rendering is displayed above the page, and only if it is ours", async () => {
  page = await mount("Result", TAB, { "GET runs/run_1": { body: RUN } });
  const ours = new Error("no such field");
  ours.stack = `Error: no such field\n at onClick (${new URL("../../plugins/meli_airflow/static/run.js", import.meta.url)})`;
  const theirs = new Error("of Airflow");
  theirs.stack = "Error: of Airflow\n at https://airflow/static/index.js";
  windowEvents.dispatchEvent(Object.assign(new Event("unhandledrejection"), { reason: theirs }));
  await page.settle();
  assert.doesNotMatch(page.text, /did not work/);
  for (const [kind, field] of [
    ["unhandledrejection", "reason"],
    ["error", "error"],
  ]) {
    windowEvents.dispatchEvent(Object.assign(new Event(String(kind)), { [String(field)]: ours }));
    await page.settle();
    assert.match(page.text, /Something on this page did not work\nThe browser reports: no such field/);
    assert.equal(page.rowsOf("Leaderboard").length, 3);
    await page.click("Close");
    assert.doesNotMatch(page.text, /did not work/);
  }
});

test("a page whose modules cannot be loaded says so", async () => {
  const { guarded, loaded } = await import("../../plugins/meli_airflow/static/boundary.js");
  const broken = guarded(loaded(() => Promise.reject(new Error("Failed to fetch module"))));
  Object.assign(globalThis, { Broken: broken });
  page = await mount(/** @type {"Models"} */ ("Broken"), {}, {});
  assert.match(page.text, /This page could not be loaded\n.*The browser reports: Failed to fetch module/);
});
