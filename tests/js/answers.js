// Answers of the server that several tests share: three models of a run, and the run itself.

/** @typedef {import("../../plugins/meli_airflow/types/responses").Models} Models */
/** @typedef {import("../../plugins/meli_airflow/types/responses").ModelRow} ModelRow */
/** @typedef {import("../../plugins/meli_airflow/types/responses").Run} Run */

/** @type {(set: string, accuracy: number | null) => ModelRow} */
export const row = (set, accuracy) => ({
  id: `run_1/plan/${set}`,
  run_id: "run_1",
  at: "2026-11-21T03:00:00+00:00",
  as_of: "2026-11-20",
  source: "titles.csv",
  set,
  train: `key of ${set}`,
  sha256: "",
  test_set: "today",
  architecture: "mlp",
  members: {},
  state: accuracy === null ? "failed" : "evaluated",
  champion: set === "mlp",
  external: false,
  balanced_accuracy: accuracy,
  interval: accuracy === null ? null : [accuracy - 0.01, accuracy + 0.01],
  accuracy,
  top5: accuracy,
  macro_f1: accuracy,
  milliseconds_p95: 1.5,
  megabytes: 2,
  rank: accuracy === null ? null : 1,
  reaches_best: false,
  runs: 1,
});

export const ROWS = [row("mlp", 0.9), row("cnn", 0.95), row("broken", null)];

const TODAY = {
  id: "today",
  titles: 1049,
  left_out: 0,
  folds: 0,
  source: "titles.csv",
  first_day: "2026-11-20",
  last_day: "2026-11-20",
};

/** @type {import("../../plugins/meli_airflow/types/responses").RankedTestSet} */
export const TODAY_RANKED = {
  ...TODAY,
  models: 2,
  best: 0.95,
  best_set: "cnn",
  scale: [0.89, 0.96],
  open: true,
  matching: 2,
  shown: 2,
};

/** @type {Models} */
export const MODELS = {
  champion: {
    set: "mlp",
    train: "key of mlp",
    balanced_accuracy: 0.9,
    sha256: "",
    interval: [0.89, 0.91],
    folds: 0,
    current: {
      run_id: "run_1",
      balanced_accuracy: 0.9,
      interval: [0.89, 0.91],
      test_set: TODAY,
    },
    since: "2026-11-21T04:00:00+00:00",
    decision: 3,
    action: "promote",
    by: "run_1",
    reason: "it is better",
    kept: 2,
    run_id: "run_1",
    as_of: "2026-11-20",
    fingerprint: "f".repeat(64),
    source: "titles.csv",
    rows: 3000,
    categories: 96,
    members: {},
  },
  rows: ROWS,
  test_sets: [TODAY_RANKED],
  pinned: [],
  without_score: 1,
  nothing_new: { runs: 0, saved_seconds: 0, newest: [] },
  champion_unknown: "",
  last_decision: 1,
  skipped: { count: 0, first: [] },
  runs: { all: 1, matching: 1, shown: 1, most: 1000 },
  sets: ["broken", "cnn", "mlp"],
  in_airflow: ["run_1"],
};

/** @type {Run} */
export const RUN = {
  state: "success",
  head: {
    outcome: "kept",
    title: "Kept",
    detail: "It kept mlp, because cnn may be no better.",
    failed: [],
    warning: "",
  },
  plan: "plans/run_1/plan.json",
  as_of: "2026-11-20",
  source: "titles.csv",
  sets: ["mlp", "cnn"],
  nothing_new: "",
  saved_seconds: 0,
  test_titles: 1049,
  folds: 0,
  estimate_seconds: 1,
  steps: [],
  rows: ROWS,
  evaluated: true,
  decision: null,
  last_decision: 1,
  skipped: { count: 0, first: [] },
};

/** @typedef {import("../../plugins/meli_airflow/types/responses").Model} Model */

/** @type {(changes?: Partial<Model>) => Model} */
export const modelAnswer = (changes = {}) => ({
  row: row("mlp", 0.9),
  test_set: TODAY,
  figure: { balanced_accuracy: 0.9, interval: [0.89, 0.91], evaluated: 0.9, selection_bias: 0 },
  figures: { top3: 0.98, calibration_error: 0.021, suspect_labels: 4, golden: null },
  missing: [],
  notes: [],
  champion: false,
  compare_with: "",
  members: [],
  trained_on: null,
  slices: [],
  categories: [],
  reliability: [],
  abstention: [],
  answering: [],
  reference: {
    balanced_accuracy: 0.88,
    interval: [0.87, 0.89],
    accuracy: 0.9,
    trained_titles: 1000,
    not_beaten_by: [],
  },
  parameters: {},
  lineage: [],
  decisions: [],
  load: [],
  has_predictions: false,
  has_suspects: false,
  has_report: false,
  card: "",
  in_airflow: ["run_1"],
  ...changes,
});
