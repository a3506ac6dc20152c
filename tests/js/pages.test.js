import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { MODELS, RUN as PLAIN_RUN, row, TODAY_RANKED } from "./answers.js";
import { address, mount, requests, switchTabs } from "./browser.js";

/** @typedef {import("../../plugins/meli_airflow/types/responses").Backfill} Backfill */
/** @typedef {import("../../plugins/meli_airflow/types/responses").Comparison} Comparison */
/** @typedef {import("../../plugins/meli_airflow/types/responses").Run} Run */
/** @typedef {import("../../plugins/meli_airflow/types/responses").Training} Training */
/** @typedef {import("./browser.js").Mounted} Mounted */

/** @type {Mounted | undefined} */
let page;
beforeEach(() => {
  address.search = "";
});
afterEach(() => page?.unmount());

const OVERVIEW = {
  "GET models?limit=100": { body: MODELS },
  "GET mlflow": { body: { version: "7", url: "http://mlflow/7", note: "" } },
  "GET decisions?limit=20": { body: { all: 0, decisions: [], in_airflow: [] } },
};

test("Models displays the champion with its data, its decision and its MLflow version", async () => {
  page = await mount("Models", {}, OVERVIEW);
  for (const text of [
    "as of 2026-11-20, 3,000 titles, 96 categories",
    "kept by 2 later decisions",
    "version 7 ↗",
    "0.9000\nbalanced accuracy, 95 % interval 0.8900 to 0.9100\nOf 100 titles of an average category, about 90 are classified correctly.\non the 1,049 test titles of titles.csv, 20 Nov 2026",
  ]) {
    assert.ok(page.text.includes(text), `${text} is not in:\n${page.text}`);
  }
  assert.match(page.text, /No decision yet/);
});

test("the champion's figure is the one on the newest titles, beside the one that it was promoted with", async () => {
  const champion = MODELS.champion && { ...MODELS.champion, balanced_accuracy: 0.9501 };
  page = await mount("Models", {}, { ...OVERVIEW, "GET models?limit=100": { body: { ...MODELS, champion } } });
  assert.match(page.text, /0\.9000\nbalanced accuracy, 95 %/);
  assert.match(page.text, /promoted with 0\.9501, on the test titles of that run/);
});

test("each set of test titles is ranked and scaled by itself, the newest first", async () => {
  const yesterday = {
    ...TODAY_RANKED,
    id: "yesterday",
    titles: 980,
    left_out: 488,
    first_day: "2026-11-18",
    last_day: "2026-11-19",
    scale: /** @type {[number, number]} */ ([0.9, 1]),
  };
  const before = { ...yesterday, id: "before", open: false, models: 31, matching: 0, shown: 0 };
  const older = (/** @type {string} */ set, /** @type {number} */ accuracy) => ({
    ...row(set, accuracy),
    id: `run_0/plan/${set}`,
    champion: false,
    test_set: "yesterday",
  });
  const body = {
    ...MODELS,
    rows: [older("old_best", 0.99), ...MODELS.rows, older("old_worst", 0.5), { ...row("queued", null), test_set: "" }],
    test_sets: [...MODELS.test_sets, yesterday, before],
    without_score: 40,
  };
  page = await mount("Models", {}, { ...OVERVIEW, "GET models?limit=100": { body } });
  assert.deepEqual(
    page
      .rowsOf("Leaderboard")
      .map((line) => line.match(/On the [\d,]+|cnn|mlp|old_\w+|Without|broken|queued|The first/)?.[0]),
    [
      "On the 1,049",
      "cnn",
      "mlp",
      "On the 980",
      "old_best",
      "old_worst",
      "On the 980",
      "Without",
      "broken",
      "queued",
      "The first",
    ],
  );
  assert.match(page.text, /2 models, bars from 0\.890 to 0\.960/);
  assert.match(page.text, /31 models, the best is cnn with 0\.9500/);
  assert.match(page.text, /The first 2 of 40 models\./);
  // The best of yesterday ends at the right edge of its own scale, as the best of today does.
  const ends = page.all("line").map(({ props }) => Math.round(Number(props.x2)));
  assert.deepEqual([ends[0], ends[2]], [88, 88]);
  // The worst is far below the best models: an arrow, and no dot.
  assert.equal(page.all("circle").length, 3);
});

test("titles are opened in the address, and folded without a request", async () => {
  const folded = { ...TODAY_RANKED, id: "yesterday", open: false, shown: 0 };
  const body = { ...MODELS, test_sets: [TODAY_RANKED, folded] };
  page = await mount("Models", {}, { ...OVERVIEW, "GET models?limit=100": { body } });
  const toggle = async (/** @type {number} */ place) => {
    const buttons = page?.all("Button").filter(({ props }) => props["aria-expanded"] !== undefined) ?? [];
    const onClick = buttons[place]?.props.onClick;
    assert.ok(typeof onClick === "function");
    onClick();
    await page?.settle();
  };
  await toggle(0);
  assert.equal(page.rowsOf("Leaderboard").filter((line) => /cnn\n/.test(line)).length, 0);
  await toggle(1);
  assert.equal(address.search, "?open=yesterday");
});

test("a pinned model is in the address, and above all rankings", async () => {
  const body = { ...MODELS, pinned: [row("cnn", 0.95)] };
  page = await mount("Models", {}, { ...OVERVIEW, "GET models?limit=100": { body } });
  assert.match(page.rowsOf("Leaderboard")[0] ?? "", /^Pinned/);
  const pin = page.all("Button").find(({ props }) => props["aria-label"] === "Pin mlp of run_1");
  assert.ok(typeof pin?.props.onClick === "function");
  pin.props.onClick();
  await page.settle();
  assert.equal(address.search, "?pin=run_1%2Fplan%2Fmlp");
});

test("what cannot be read is counted and named, and makes no other model champion", async () => {
  const body = {
    ...MODELS,
    champion: null,
    champion_unknown: "The newest decision cannot be read: ledger/00000002.json (it is empty).",
    skipped: { count: 2, first: [{ name: "plans/a/b.json", reason: "it is empty" }] },
  };
  page = await mount("Models", {}, { ...OVERVIEW, "GET models?limit=100": { body } });
  assert.match(
    page.text,
    /2 stored objects cannot be read and are left out\s+plans\/a\/b\.json: it is empty\s+and 1 more/,
  );
  assert.match(page.text, /The champion is unknown\s+The newest decision cannot be read/);
  assert.doesNotMatch(page.text, /There is no champion yet/);
});

test("one model bears the champion's mark", async () => {
  const again = { ...row("mlp (champion)", 0.89), id: "run_0/plan/mlp", external: true, champion: false };
  page = await mount(
    "Models",
    {},
    {
      ...OVERVIEW,
      "GET models?limit=100": { body: { ...MODELS, rows: [...MODELS.rows, again] } },
    },
  );
  const marked = page.rowsOf("Leaderboard").filter((line) => /champion(?! at that time)/.test(line));
  assert.equal(marked.length, 1, marked.join("\n\n"));
  assert.match(page.text, /mlp\s*champion at that time/);
});

test("runs that found nothing new are one line, which unfolds", async () => {
  const night = {
    run_id: "night_2",
    at: "2026-11-21T03:00:00Z",
    as_of: "2026-11-21",
    reason: "The same titles, sets and champion as before",
    saved_seconds: 61,
  };
  const body = { ...MODELS, nothing_new: { runs: 2, saved_seconds: 122, newest: [night] } };
  page = await mount("Models", {}, { ...OVERVIEW, "GET models?limit=100": { body } });
  assert.match(page.text, /2 runs found nothing new, saved 2 min 2 s/);
  assert.doesNotMatch(page.text, /night_2/);
  await page.click("Show");
  assert.match(page.text, /night_2\n2026-11-21 03:00\n1 min 1 s\nThe same titles/);
  await page.click("Hide");
  assert.doesNotMatch(page.text, /night_2/);
});

test("the leaderboard sorts by a click on a header, with the failed model last", async () => {
  page = await mount("Models", {}, OVERVIEW);
  /** @type {(direction: string) => Promise<void>} */
  const sorted = async (direction) => {
    await page?.click("Balanced accuracy");
    assert.equal(address.search, `?sort=balanced_accuracy.${direction}`);
  };
  const rows = () =>
    page
      ?.rowsOf("Leaderboard")
      .slice(1)
      .map((line) => line.match(/(mlp|cnn|broken)\n/)?.[1])
      .filter(Boolean);
  assert.deepEqual(rows(), ["cnn", "mlp", "broken"]); // the best first, before anybody sorts
  await sorted("up");
  assert.deepEqual(rows(), ["mlp", "cnn", "broken"]);
  await sorted("down");
  assert.deepEqual(rows(), ["cnn", "mlp", "broken"]);
});

test("several models can be selected and compared", async () => {
  page = await mount("Models", {}, OVERVIEW);
  const select = async (/** @type {number} */ position) => {
    const onCheckedChange = page?.all("Checkbox.Root")[position]?.props.onCheckedChange;
    assert.ok(typeof onCheckedChange === "function");
    onCheckedChange();
    await page?.settle();
  };
  await select(0);
  assert.match(page.text, /with … select one more/);
  await select(1);
  await page.click("Compare");
  const query = new URLSearchParams(address.search);
  assert.deepEqual(new Set(query.values()), new Set(["run_1/plan/mlp", "run_1/plan/cnn"]));
});

test("a store without runs says how to get one", async () => {
  const empty = {
    ...MODELS,
    champion: null,
    rows: [],
    test_sets: [],
    runs: { all: 0, matching: 0, shown: 0, most: 1000 },
    sets: [],
  };
  page = await mount("Models", {}, { ...OVERVIEW, "GET models?limit=100": { body: empty } });
  assert.match(page.text, /There is no champion yet\nTrigger a run of meli_training: its best model/);
  assert.match(page.text, /No run yet/);
  assert.ok(!requests.some(([, path]) => path === "mlflow"));
});

test("a refused request says why and what to do", async () => {
  page = await mount("Models", {}, { "GET models?limit=100": { status: 403, body: { detail: "Forbidden" } } });
  assert.match(page.text, /You do not have permission to see this\nForbidden\nAsk an administrator/);
});

/** @type {Run} */
const RUN = {
  ...PLAIN_RUN,
  estimate_seconds: 3599.7,
  steps: [
    {
      stage: "ingest",
      name: "titles",
      key: "a".repeat(32),
      state: "already there",
      seconds: 59.6,
      at: "2026-11-20T03:00:00Z",
      by: "run_0",
      progress: {},
    },
    {
      stage: "train",
      name: "mlp",
      key: "b".repeat(32),
      state: "computed",
      seconds: 3.2,
      estimate: 65,
      at: "2026-11-21T03:00:00Z",
      by: "run_1",
      progress: {},
    },
    {
      stage: "train",
      name: "cnn",
      key: "c".repeat(32),
      state: "running",
      seconds: null,
      at: "",
      by: "",
      progress: { epoch: 2, epochs: 5, titles_per_second: 1234.4, seconds_left: 61 },
    },
  ],
  decision: {
    number: 4,
    at: "2026-11-21T03:05:00Z",
    action: "keep",
    set: "mlp",
    balanced_accuracy: 0.9,
    gain: 0.001,
    gain_interval: [-0.004, 0.006],
    probability: 0.6,
    gates: [{ name: "gain", value: 0.001, limit: 0.005, passed: false, detail: "" }],
    reason: "the gain is too small",
    by: "run_1",
    run_id: "run_1",
  },
};

test("a run's tab counts its steps and reports progress, the decision and its gates", async () => {
  page = await mount("Result", { dagId: "meli_training", runId: "run_1" }, { "GET runs/run_1": { body: RUN } });
  for (const text of [
    "Computed\n1 step\n3.2 s",
    "Reused\n1 step\n1 min saved",
    "To do\n1 step\n1 h estimated in total",
    "epoch 2 of 5, 1,234 titles/s, 1 min 1 s left",
    "on 2026-11-20 03:00 by run_0",
    "the gain is too small",
    "failed\nGain in balanced accuracy\n+0.0010, at least +0.0050 required",
    "On the 1,049 test titles of this run.",
  ]) {
    assert.ok(page.text.includes(text), `${text} is not in:\n${page.text}`);
  }
  const compare = page.all("Router.Link").find(({ children }) => children.includes("Compare the best two"));
  assert.deepEqual(
    [...new URL(String(compare?.props.to), "http://airflow").searchParams.values()],
    ["run_1/plan/mlp", "run_1/plan/cnn"],
  );
});

test("a night that found nothing new says what it saved, and not that models are to be evaluated", async () => {
  const body = {
    ...RUN,
    nothing_new: "decision 3 was: mlp stays",
    saved_seconds: 122,
    evaluated: false,
    test_titles: null,
  };
  page = await mount("Result", { dagId: "meli_training", runId: "run_1" }, { "GET runs/run_1": { body } });
  assert.match(page.text, /Nothing new, saved 2 min 2 s\ndecision 3 was: mlp stays/);
  assert.doesNotMatch(page.text, /not evaluated|is evaluated yet/);
});

test("switching tabs does not multiply the requests of a page", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const body = { ...RUN, state: "running" };
  page = await mount("Result", { dagId: "meli_training", runId: "run_1" }, { "GET runs/run_1": { body } });
  for (let turn = 0; turn < 10; turn += 1) switchTabs();
  await page.settle();
  requests.length = 0;
  for (let interval = 0; interval < 4; interval += 1) {
    t.mock.timers.tick(3_000);
    await page.settle();
  }
  assert.equal(requests.length, 4);
  page.unmount();
});

/** @type {Training} */
const TRAINING = {
  task: { state: "running" },
  set: "mlp",
  state: "running",
  key: "b".repeat(32),
  architecture: "mlp",
  epochs_total: 10,
  epochs: [1, 2, 3].map((epoch) => ({
    epoch,
    validation_balanced_accuracy: [0.5, 0.75, 0.75][epoch - 1] ?? 0,
    validation_loss: 0.16 / epoch,
    train_cross_entropy: 0.15 / epoch,
    train_loss: 1.64 / epoch,
  })),
  losses: [
    [1, 3],
    [2, Number.NaN],
    [3, 2],
  ],
  kept_epoch: null,
  kept: "",
  dropout: true,
  keep: "best",
  stopped_by: "",
  seconds: null,
  at: "",
  made_by: "",
  hit: false,
  progress: { epoch: 4, step: 30, steps: 100, titles_per_second: 1000, seconds_left: 119.7 },
  error: "",
};
const TASK = { dagId: "meli_training", runId: "r", taskId: "train_mlp", mapIndex: "0" };
const TRAINING_PATH = "GET training?run_id=r&task_id=train_mlp&map_index=0";

test("a running training task displays its progress, its best epoch and its curves", async () => {
  page = await mount("Learning curves", TASK, { [TRAINING_PATH]: { body: TRAINING } });
  for (const text of [
    "Epoch\n4 of 10",
    "0.7500\nvalidation, epoch 2",
    "Time left\n2 min",
    "Titles per second\n1,000",
  ]) {
    assert.ok(page.text.includes(text), `${text} is not in:\n${page.text}`);
  }
  const bar = page.all("Box").find(({ props }) => props.role === "progressbar");
  assert.equal(bar?.props["aria-valuenow"], 30);
  const charts = page.all("Box").filter(({ props }) => props.role === "img");
  assert.deepEqual(
    charts.map(({ props }) => [props["aria-label"], props["data-points"]]),
    [
      ["Balanced accuracy: validation ends at 0.7500", 3],
      ["Cross-entropy: validation ends at 0.0533, training, with dropout ends at 0.0500", 6],
      ["Training objective at each step: with margin, smoothing and weights ends at 2.0000", 2],
    ],
  );
});

test("a history without the plain training loss draws the objective on an axis of its own", async () => {
  const epochs = TRAINING.epochs.map(({ train_cross_entropy: _, ...epoch }) => epoch);
  page = await mount("Learning curves", TASK, { [TRAINING_PATH]: { body: { ...TRAINING, state: "done", epochs } } });
  const labels = page.all("Box").filter(({ props }) => props.role === "img");
  assert.deepEqual(
    labels.map(({ props }) => props["aria-label"]),
    [
      "Balanced accuracy: validation ends at 0.7500",
      "Cross-entropy: validation ends at 0.0533",
      "Training objective, with margin, smoothing and weights: not comparable with the cross-entropy: training ends at 0.5467",
    ],
  );
});

test("the epoch that is used is marked in the curves, with its reason", async () => {
  const kept = "epoch 3 kept: the last one, because the set says keep = last; epoch 2 had the best score";
  const body = { ...TRAINING, state: "done", kept_epoch: 3, kept };
  page = await mount("Learning curves", TASK, { [TRAINING_PATH]: { body } });
  assert.match(page.text, /Epoch used\n3\nbalanced accuracy 0\.7500\nthe last one, because the set says keep = last/);
  const [chart] = page.all("Box").filter(({ props }) => props.role === "img");
  assert.equal(chart?.props["data-marks"], 1);
  assert.match(String(chart?.props["aria-label"]), /kept at 3 with 0\.7500/);
});

/** @typedef {import("../../plugins/meli_airflow/types/responses").ScoreDifference} ScoreDifference */

const CURVE = {
  epochs: TRAINING.epochs,
  kept_epoch: 2,
  kept: "epoch 2 kept: best validation balanced accuracy",
  dropout: true,
};

/** @type {(set: string, accuracy: number, difference: ScoreDifference | null) => import("../../plugins/meli_airflow/types/responses").ComparedModel} */
const comparedModel = (set, accuracy, difference) => ({
  row: row(set, accuracy),
  baseline: difference === null,
  champion: false,
  ensemble: false,
  scores: {
    balanced_accuracy: { value: accuracy, interval: [accuracy - 0.01, accuracy + 0.01], difference },
    top5: {
      value: accuracy,
      interval: null,
      difference: difference && { value: 0.05, interval: null, probability: null, verdict: "untested" },
    },
  },
  curve: CURVE,
});

/** @type {ScoreDifference} */
const UNCLEAR = { value: 0.05, interval: [-0.004, 0.104], probability: 0.93, verdict: "unclear" };

/** @type {Comparison} */
const COMPARISON = {
  models: [comparedModel("mlp", 0.9, null), comparedModel("cnn", 0.95, UNCLEAR)],
  titles: { kind: "same", titles: 1049, test_set: null, note: "" },
  notes: [],
  curves_note: "",
  members: [],
  parameters: [
    {
      title: "Parameters",
      models: [0, 1],
      rows: [
        { name: "train.epochs", values: [3, 5], differs: true },
        { name: "train.seed", values: [1, 1], differs: false },
      ],
    },
  ],
  categories: [
    {
      category: "SHOES",
      titles: 12,
      recalls: [0.8, 0.9],
      changes: [null, { value: 0.1, verdict: "unclear", probability: 0.7 }],
    },
    {
      category: "HATS",
      titles: 12,
      recalls: [0.9, 0.1],
      changes: [null, { value: -0.8, verdict: "worse", probability: 0.001 }],
    },
  ],
};

/** @param {Partial<Comparison>} [change] @param {string} [search] */
const compared = async (change, search = "compare=a&compare=b") => {
  address.search = `?${search}`;
  page = await mount("Models", {}, { [`GET comparison?${search}`]: { body: { ...COMPARISON, ...change } } });
  return page;
};

test("a difference is coloured only if its paired interval excludes 0", async () => {
  /** @type {[ScoreDifference, string, RegExp][]} */
  const cases = [
    [UNCLEAR, "fg.muted", /\+0\.0500 \(−0\.004 to \+0\.104\), better with 93\u00a0%\nmay be chance/],
    [
      { value: 0.05, interval: [0.0001, 0.09], probability: 0.9999, verdict: "better" },
      "green.fg",
      /\+0\.0500 \(\+0\.0001 to \+0\.0900\), better with more than 99\u00a0%\n▲ better/,
    ],
    [
      { value: -0.05, interval: [-0.09, -0.001], probability: 0.001, verdict: "worse" },
      "red.fg",
      /−0\.0500 \(−0\.090 to −0\.001\), better with less than 1\u00a0%\n▼ worse/,
    ],
    [{ value: 0.05, interval: null, probability: null, verdict: "untested" }, "fg.muted", /\+0\.0500\nnot tested/],
    [
      { value: 0, interval: [0, 0], probability: null, verdict: "same" },
      "fg.muted",
      /±0\.0000\nright and wrong on the/,
    ],
  ];
  for (const [difference, colour, wanted] of cases) {
    const mounted = await compared({
      models: [comparedModel("mlp", 0.9, null), comparedModel("cnn", 0.95, difference)],
    });
    assert.match(mounted.text, wanted);
    const scores = mounted.all("Table.Root").find(({ props }) => props["aria-label"] === "Scores");
    const colours = [...JSON.stringify(scores).matchAll(/"color":"((?:green|red)\.fg)"/g)].map((found) => found[1]);
    assert.deepEqual([...new Set(colours)], colour === "fg.muted" ? [] : [colour]);
    mounted.unmount();
  }
});

test("a category is coloured only if the exact test finds a change", async () => {
  const mounted = await compared();
  assert.match(mounted.text, /1 change is more than chance[\s\S]*1 change may be chance and stays grey/);
  const rows = mounted.all("Table.Root").find(({ props }) => props["aria-label"] === "Recall by category");
  const text = JSON.stringify(rows);
  assert.ok(text.indexOf("HATS") < text.indexOf("SHOES")); // what was found comes first
  assert.deepEqual(
    [...new Set([...text.matchAll(/"color":"((?:green|red)\.fg)"/g)].map((found) => found[1]))],
    ["red.fg"],
  );
});

test("models that were tested on different titles have no scores side by side", async () => {
  const models = COMPARISON.models.map((model) => ({ ...model, scores: {} }));
  const note = "The models were tested on different titles, so their scores cannot be compared.";
  const mounted = await compared({ models, titles: { kind: "none", titles: 0, test_set: null, note }, categories: [] });
  assert.match(mounted.text, /No scores to compare\n.*different titles/);
  assert.ok(!mounted.all("Table.Root").some(({ props }) => props["aria-label"] === "Scores"));
  mounted.unmount();
  const common = await compared({ titles: { kind: "common", titles: 312, test_set: null, note: "Of 1,049 and 980." } });
  assert.match(common.text, /On 312 common titles\nOf 1,049 and 980\./);
});

test("the addresses of earlier versions still compare, with the left model as the baseline", async () => {
  address.search = "?left=a&right=b";
  page = await mount("Models", {}, { "GET comparison?compare=a&compare=b&baseline=a": { body: COMPARISON } });
  assert.match(page.text, /2 models compared/);
});

test("models that cannot be compared are refused in the page's own words", async () => {
  address.search = "?compare=a";
  const detail = "The parameter compare is '1 model', but it must be the ids of 2 to 8 different models.";
  page = await mount("Models", {}, { "GET comparison?compare=a": { status: 422, body: { detail } } });
  assert.match(page.text, /cannot be compared\n[\s\S]*2 to 8 different models[\s\S]*Choose two to eight/);
});

test("another model is made the baseline, and one of three can be left out", async () => {
  const models = ["mlp", "cnn", "bow"].map((set, position) => comparedModel(set, 0.9, position ? UNCLEAR : null));
  const mounted = await compared({ models }, "compare=a&compare=b&compare=c");
  const links = mounted.all("Router.Link");
  const to = (/** @type {string} */ text) =>
    links
      .filter(({ children }) => children.includes(text))
      .map(({ props }) => new URL(String(props.to), "http://airflow"));
  assert.deepEqual(
    to("Make it the baseline").map(({ searchParams }) => searchParams.get("baseline")),
    ["run_1/plan/cnn", "run_1/plan/bow"],
  );
  assert.deepEqual(
    to("Leave it out").map(({ searchParams }) => searchParams.getAll("compare").length),
    [2, 2, 2],
  );
});

test("curves of any number of models are drawn one quantity to an axis, with the kept epochs", async () => {
  const mounted = await compared();
  const charts = mounted.all("Box").filter(({ props }) => props.role === "img");
  assert.deepEqual(
    charts.map(({ props }) => String(props["aria-label"]).split(":")[0]),
    ["Balanced accuracy", "Cross-entropy"],
  );
  assert.match(
    String(charts[1]?.props["aria-label"]),
    /1 mlp, validation ends at 0\.0533, kept at 2 with.*1 mlp, training, with dropout ends/,
  );
  assert.match(mounted.text, /1 mlp: epoch 2 kept: best validation balanced accuracy/);
  assert.match(mounted.text, /while the model still learns and with dropout/);
  assert.equal(charts[1]?.props["data-scale"], "linear");
});

test("a set is compared with an ensemble by members and weights", async () => {
  const models = [comparedModel("mlp", 0.9, null), { ...comparedModel("ensemble", 0.96, UNCLEAR), ensemble: true }];
  const mounted = await compared({
    models,
    members: [
      { set: "mlp", train: "a".repeat(32), weights: [1, 0.62] },
      { set: "cnn", train: "b".repeat(32), weights: [null, 0.38] },
    ],
    parameters: [
      {
        title: "Parameters of the data",
        models: [0, 1],
        rows: [{ name: "data.source", values: ["titles.csv", "titles.csv"], differs: false }],
      },
    ],
  });
  assert.match(mounted.text, /mlp\n[\s\S]*1\.000\n0\.620\n/);
  assert.match(mounted.text, /cnn\n[\s\S]*–\n0\.380\n/);
});

test("a task that has not started says what it waits for, and one that ended says so", async () => {
  for (const [state, text] of [
    ["queued", /queued for a worker/],
    ["upstream_failed", /ended in state upstream_failed/],
    ["", /Earlier tasks/],
  ]) {
    const body = { task: { state }, set: "", state: "waiting", epochs: [], losses: [] };
    page = await mount("Learning curves", TASK, { [TRAINING_PATH]: { body } });
    assert.match(page.text, /** @type {RegExp} */ (text));
    page.unmount();
  }
});

test("other tasks have no curves", async () => {
  page = await mount("Learning curves", { ...TASK, taskId: "ingest" }, {});
  assert.match(page.text, /This task has no training curves/);
  assert.deepEqual(requests, []);
});

/** @type {Backfill} */
const BACKFILL = {
  state: "running",
  approval: "awaiting_input",
  runs: { day_1: "running" },
  preview: {
    at: "2026-11-21T03:00:00Z",
    request: { sets: ["mlp", "cnn"], source: "{ds}.csv", promotion: "never", overrides: { "train.epochs": 3 } },
    dates: [
      {
        date: "2026-11-01",
        run_id: "day_1",
        done: false,
        empty: false,
        computed: 1,
        cached: 2,
        estimate_seconds: 59.6,
        problem: "",
      },
      {
        date: "2026-11-02",
        run_id: "day_2",
        done: true,
        empty: false,
        computed: 0,
        cached: 3,
        estimate_seconds: null,
        problem: "",
      },
      {
        date: "2026-11-03",
        run_id: "",
        done: false,
        empty: false,
        computed: 0,
        cached: 0,
        estimate_seconds: null,
        problem: "there are no titles",
      },
    ],
    warnings: ["2026-11-02 has few titles"],
    computed: 1,
    cached: 5,
    estimate_seconds: 3599.7,
    saved_seconds: 65,
  },
  report: null,
};
const BACKFILL_TAB = { dagId: "meli_backfill", runId: "backfill_1" };
const BACKFILL_PATH = "GET backfills/backfill_1";

test("a backfill's tab displays the preview and where to approve it", async () => {
  page = await mount("Result", BACKFILL_TAB, { [BACKFILL_PATH]: { body: BACKFILL } });
  for (const text of [
    "Waiting for approval",
    "Approve or reject it",
    "2026-11-02 has few titles",
    "mlp, cnn\ntrain.epochs = 3",
    "3, 1 to run\npromotion: never",
    "1 to compute\n5 reused, 1 min 5 s saved",
    "Estimate\n1 h",
    "2 of 3 dates done",
    "running\n2\n1 step, about 1 min",
    "there are no titles",
  ]) {
    assert.ok(page.text.includes(text), `${text} is not in:\n${page.text}`);
  }
});

test("a reported backfill displays each date's scores, the best first", async () => {
  const report = {
    state: "failed",
    dates: [
      {
        date: "2026-11-01",
        state: "computed",
        scores: { mlp: { balanced_accuracy: 0.8 }, cnn: { balanced_accuracy: 0.9 } },
        failed: { rnn: "it diverged" },
      },
    ],
    computed: 1,
    reused: 5,
    seconds: 59.6,
    rejected_by: "",
  };
  page = await mount("Result", BACKFILL_TAB, {
    [BACKFILL_PATH]: { body: { ...BACKFILL, state: "failed", approval: "success", report } },
  });
  assert.match(page.text, /cnn 0\.9000\s+mlp 0\.8000\s+rnn: it diverged/);
  assert.match(page.text, /1 computed, 5 reused\n1 min of computation/);
  assert.doesNotMatch(page.text, /Waiting for approval|Cancel the backfill/);
});

test("a training task whose set is not known says what it is waiting for", async () => {
  const query = "training?run_id=run_1&task_id=train_mlp&map_index=0";
  const training = {
    task: { state: "success" },
    set: "",
    state: "waiting",
    key: "",
    architecture: "",
    epochs_total: null,
    epochs: [],
    losses: [],
    kept_epoch: null,
    keep: "",
    stopped_by: "",
    seconds: null,
    at: "",
    made_by: "",
    hit: false,
    progress: {},
    error: "",
  };
  const props = { dagId: "meli_training", runId: "run_1", taskId: "train_mlp", mapIndex: 0 };
  page = await mount("Learning curves", props, { [`GET ${query}`]: { body: training } });
  assert.match(page.text, /No training took place/);
});

test("a page that fails takes nothing of Airflow's page with it", async () => {
  page = await mount("Models", {}, { ...OVERVIEW, "GET models?limit=100": { body: { ...MODELS, runs: undefined } } });
  assert.match(page.text, /This page cannot be displayed/);
  assert.match(page.text, /The browser reports: .*undefined/);
  await page.click("Try again");
  assert.match(page.text, /This page cannot be displayed/);
});
