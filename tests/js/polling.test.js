import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { poll } from "../../plugins/meli_airflow/static/polling.js";

/** @typedef {{signal: AbortSignal, answer: (data: string) => void, fail: (error: Error) => void}} Sent */

const page = Object.assign(new EventTarget(), { hidden: false });
Object.assign(globalThis, { document: page });
/** @type {(hidden: boolean) => void} */
const show = (hidden) => {
  page.hidden = hidden;
  page.dispatchEvent(new Event("visibilitychange"));
};
/** @type {Sent[]} */
let sent = [];
/** @type {string[]} */
let received = [];
/** @type {() => void} */
let stop = () => undefined;
/** Let what was answered arrive. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** @param {number} seconds */
const begin = (seconds) => {
  stop = poll({
    load: (signal) =>
      new Promise((answer, fail) => {
        signal.addEventListener("abort", () => fail(signal.reason));
        sent.push({ signal, answer, fail });
      }),
    onData: (/** @type {string} */ data) => {
      received.push(data);
      return seconds;
    },
    onFailure: (error) => {
      received.push(String(error));
      return 5;
    },
  });
};

beforeEach((t) => {
  [sent, received, page.hidden] = [[], [], false];
  /** @type {import("node:test").TestContext} */ (t).mock.timers.enable({ apis: ["setTimeout", "Date"] });
});
afterEach(() => stop());

test("one request follows another after its interval", async (t) => {
  begin(2);
  assert.equal(sent.length, 1);
  t.mock.timers.tick(60_000);
  assert.equal(sent.length, 1); // the first is not answered yet
  sent[0]?.answer("first");
  await settled();
  t.mock.timers.tick(1_999);
  assert.equal(sent.length, 1);
  t.mock.timers.tick(1);
  assert.equal(sent.length, 2);
  assert.deepEqual(received, ["first"]);
});

test("ten switches of the tab multiply nothing", async (t) => {
  begin(2);
  for (let turn = 0; turn < 10; turn += 1) {
    show(true);
    show(false);
    t.mock.timers.tick(0);
  }
  // Each request was aborted when the page was hidden, so only the last can be answered.
  assert.deepEqual(
    sent.map(({ signal }) => signal.aborted),
    [...Array(sent.length - 1).fill(true), false],
  );
  sent.at(-1)?.answer("only");
  await settled();
  assert.deepEqual(received, ["only"]);
  const before = sent.length;
  for (let second = 0; second < 20; second += 1) {
    t.mock.timers.tick(1_000);
    sent.at(-1)?.answer("next");
    await settled();
  }
  assert.equal(sent.length - before, 10); // one in two seconds, as before the switches
});

test("a page that returns before its data is due waits for the rest of the interval", async (t) => {
  begin(10);
  sent[0]?.answer("first");
  await settled();
  t.mock.timers.tick(4_000);
  for (let turn = 0; turn < 5; turn += 1) {
    show(true);
    show(false);
  }
  t.mock.timers.tick(5_999);
  assert.equal(sent.length, 1);
  t.mock.timers.tick(1);
  assert.equal(sent.length, 2);
});

test("a hidden page requests nothing, and what became due is loaded on its return", async (t) => {
  begin(2);
  sent[0]?.answer("first");
  await settled();
  show(true);
  t.mock.timers.tick(3_600_000);
  assert.equal(sent.length, 1);
  show(false);
  t.mock.timers.tick(0);
  assert.equal(sent.length, 2);
});

test("a page that opens in the background loads once it is seen", (t) => {
  page.hidden = true;
  begin(2);
  t.mock.timers.tick(60_000);
  assert.equal(sent.length, 0);
  show(false);
  t.mock.timers.tick(0);
  assert.equal(sent.length, 1);
});

test("a failure is reported and tried again; an abort is neither", async (t) => {
  begin(2);
  sent[0]?.fail(new Error("no connection"));
  await settled();
  assert.deepEqual(received, ["Error: no connection"]);
  t.mock.timers.tick(5_000);
  assert.equal(sent.length, 2);
  show(true);
  await settled();
  assert.deepEqual(received, ["Error: no connection"]);
});

test("the end aborts the request, clears the timer, and listens no more", async (t) => {
  begin(2);
  stop();
  assert.equal(sent[0]?.signal.aborted, true);
  await settled();
  show(true);
  show(false);
  t.mock.timers.tick(60_000);
  assert.deepEqual([sent.length, received], [1, []]);
});

test("data that will not change is not requested again", async (t) => {
  begin(0);
  sent[0]?.answer("final");
  await settled();
  show(true);
  show(false);
  t.mock.timers.tick(3_600_000);
  assert.equal(sent.length, 1);
});
