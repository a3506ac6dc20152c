// The JSON that the pages request: meli_tasks/pages and application.py produce it.

export type Members = Record<string, number>;
export type Interval = [low: number, high: number];
type Missing = null | undefined;

/** What people wrote about a model: plain text, empty if the note was removed. */
export interface Note {
  /** Whoever changes the note sends it as `seen`. */
  number: number;
  text: string;
  by: string;
  at: string;
}

/** A model of the leaderboard; scores are null until it is evaluated. */
export interface ModelRow {
  id: string;
  run_id: string;
  at: string;
  as_of: string;
  source: string;
  set: string;
  train: string;
  sha256: string;
  architecture: string;
  members: Members;
  state: string;
  /** The current champion's current figure: true of one row at most. */
  champion: boolean;
  /** The champion at that time, evaluated beside the run's own models. */
  external: boolean;
  /** No better than guessing. */
  at_chance?: boolean;
  /** The id of its test titles; empty if the run evaluated nothing. */
  test_set: string;
  balanced_accuracy: number | null;
  interval: Interval | null;
  accuracy: number | null;
  top5: number | null;
  macro_f1: number | null;
  milliseconds_p95: number | null;
  megabytes: number | null;
  /** On its test titles, 1 for the best; null outside of the leaderboard over all runs. */
  rank: number | null;
  /** Whether its interval reaches the score of the best model. */
  reaches_best: boolean;
  /** Displayed runs that evaluated this model on these titles. */
  runs: number;
  /** Null if nobody has written one. */
  note?: Note | null;
}

/** The test titles of some runs. Only scores on the same titles can be ranked. */
export interface TestSet {
  id: string;
  titles: number;
  /** Titles of the test split that a compared model was fitted on. */
  left_out: number;
  /** Folds that the models were cross-validated over; 0 for a test split. */
  folds: number;
  source: string;
  first_day: string;
  last_day: string;
}

/** Test titles with the models that are ranked on them. Only those that are open have rows. */
export interface RankedTestSet extends TestSet {
  models: number;
  /** Balanced accuracy of the best of them. */
  best: number;
  best_set: string;
  /** What the intervals of the best twenty models span. */
  scale: Interval;
  open: boolean;
  /** Models that match the filters; 0 unless it is open. */
  matching: number;
  /** Rows of the response that are on these titles. */
  shown: number;
}

/** The champion's score on the newest titles that it was evaluated on. */
export interface CurrentFigure {
  run_id: string;
  /** As evaluated, less `selection_bias`. */
  balanced_accuracy: number;
  interval: Interval;
  test_set: TestSet;
  /** By how much the evaluation is too high: the champion was selected by it, on these titles. */
  selection_bias?: number;
}

export interface Night {
  run_id: string;
  at: string;
  as_of: string;
  reason: string;
  saved_seconds: number;
}

/** The displayed runs that found nothing new, and the newest of them. */
export interface NothingNew {
  runs: number;
  saved_seconds: number;
  newest: Night[];
}

/** What of the store cannot be read and was left out, and the first of it by name. */
export interface SkippedObjects {
  count: number;
  first: { name: string; reason: string }[];
}

export interface RunCounts {
  all: number;
  matching: number;
  shown: number;
  most: number;
}

export interface Champion {
  set: string;
  train: string;
  sha256: string;
  /** On the test titles of the run that promoted it, less `selection_bias`. */
  balanced_accuracy: number;
  interval: Interval;
  selection_bias?: number;
  /** Folds that its figure was cross-validated over; 0 if it is on a test split. */
  folds?: number;
  current: CurrentFigure | null;
  since: string;
  decision: number;
  action: string;
  by: string;
  reason: string;
  kept: number;
  run_id: string;
  as_of: string | null;
  fingerprint: string;
  source: string;
  rows: number | Missing;
  categories: number | Missing;
  members: Members;
  has_report?: boolean;
  /** Markdown; empty if there is none. */
  card?: string;
}

export interface Models {
  champion: Champion | null;
  /** Why the champion is unknown; empty if it is known. */
  champion_unknown: string;
  /** The number of the ledger's last decision; 0 if there is none. */
  last_decision: number;
  skipped: SkippedObjects;
  rows: ModelRow[];
  /** The newest first. */
  test_sets: RankedTestSet[];
  pinned: ModelRow[];
  /** Models that failed or were not evaluated yet; `rows` ends with the newest of them. */
  without_score: number;
  nothing_new: NothingNew;
  runs: RunCounts;
  sets: string[];
  in_airflow: string[];
}

/** How a run ended and why, in a sentence. */
export interface RunOutcome {
  run_id: string;
  /** promoted, kept, waiting, nothing new, evaluated, failed, running, unknown */
  outcome: string;
  sentence: string;
  /** The whole reason, if the sentence is shorter. */
  detail: string;
  /** The task that failed. */
  task: string;
  /** Of that task; -1 if it is not mapped. */
  map_index: number;
  /** When it ended, or asked. */
  at: string;
}

/** The champion that the current one replaced, and the gain that it was promoted for. */
export interface BetterThan {
  set: string;
  gain: number | null;
  interval: Interval | null;
  probability: number | null;
  /** Who promoted it without a comparison. */
  by_hand: string;
}

/** What a rollback restores. */
export interface WayBack {
  /** The decision that promoted it. */
  to: number;
  set: string;
  balanced_accuracy: number;
  interval: Interval;
  at: string;
  run_id: string;
  /** Its model is no longer in the store. */
  gone: boolean;
  /** It undoes a rollback to the first champion. */
  undo?: boolean;
}

/** What is new about the champion. */
export interface ChampionNews {
  /** The number of the last decision that it knows; 0 if there is none. */
  decision: number;
  /** The id of its page; empty if no run in the store has it. */
  model: string;
  /** Null without a champion. */
  days: number | null;
  data_days: number | null;
  /** Dates of newer titles that runs of the same source have planned with. */
  newer_nights: number;
  first: boolean;
  better_than: BetterThan | null;
  way_back: WayBack | null;
  /** Why its model cannot be loaded; empty if it can. */
  gone: string;
  warnings: string[];
  last_run: RunOutcome | null;
  in_airflow: string[];
}

/** A model's balanced accuracy in a night. */
export interface NightFigure {
  set: string;
  /** As evaluated, less `selection_bias`. */
  balanced_accuracy: number;
  interval: Interval;
  selection_bias: number;
}

/** A run by the day of its titles; what is not known is null. */
export interface NightRow {
  run_id: string;
  day: string;
  at: string;
  outcome: string;
  sentence: string;
  task: string;
  champion: NightFigure | null;
  challenger: NightFigure | null;
  /** Empty if nothing was evaluated. */
  test_set: string;
  /** The evaluated run before it had the same test titles. */
  joined: boolean;
  titles: number | null;
  bad_rows: number | null;
  categories: number | null;
  new_categories: number | null;
  new_names: string[];
  /** A fraction of the words of its validation titles. */
  unknown_words: number | null;
  /** Without waiting for a person. */
  seconds: number | null;
}

export interface Nights {
  all: number;
  matching: number;
  /** Oldest first. */
  nights: NightRow[];
  test_sets: TestSet[];
  /** Runs with which categories are compared, at most. */
  before: number;
  in_airflow: string[];
}

/** A statistic of a day beside that of the champion's validation titles. */
export interface MonitoredStatistic {
  statistic: string;
  words: string;
  distance: number;
  chance_level: number;
  changed: boolean;
  /** Why nothing could be compared. */
  missing: string;
  /** The first day of the change. */
  since: string;
  examples: string[];
}

/** Only the sentence if there is no figure. */
export interface MonitoredAccuracy {
  balanced_accuracy: number | null;
  interval: [number, number] | null;
  promised: number | null;
  worse: boolean;
  since: string;
  sentence: string;
}

export interface MonitoredDay {
  day: string;
  source: string;
  subject: string;
  verdict: string;
  /** "changed", "no change" or "not compared". */
  state: string;
  accuracy: MonitoredAccuracy | null;
  statistics: MonitoredStatistic[];
}

export interface MonitoredStream {
  name: string;
  /** Whether the sources are runs. */
  of_runs: boolean;
  /** Oldest first. */
  days: MonitoredDay[];
}

export interface MonitoringAdvice {
  retrain: boolean;
  answer: string;
  reason: string;
  gain: number | null;
  decisions: number;
  seconds: number | null;
}

export interface Monitoring {
  /** Empty if there is no champion. */
  champion: string;
  /** The days that are displayed, at most. */
  days: number;
  streams: MonitoredStream[];
  advice: MonitoringAdvice | null;
  /** Whether an HTML report is stored. */
  report: boolean;
  skipped: SkippedObjects;
  in_airflow: string[];
}

export interface MlflowChampion {
  /** Whether the alias points at another model than the ledger's champion. */
  differs?: boolean;
  version?: string;
  url?: string;
  note?: string;
}

export interface Gate {
  name: string;
  value: number | Missing;
  limit: number | Missing;
  /** Null if it could not be checked. */
  passed: boolean | null;
  detail: string;
}

export interface Decision {
  number: number;
  at: string;
  action: string;
  set: string;
  /** Of the champion, less its `selection_bias`. */
  balanced_accuracy: number | null;
  selection_bias?: number;
  /** Empty if a person decided by hand. */
  verdict?: string;
  /** The challenger that was compared with the champion. */
  nominated?: string | null;
  why_nominated?: string;
  borderline?: boolean;
  /** What a person answered, if the run asked one. */
  approval?: { by: string; at: string; approved: boolean; reason: string; timed_out: boolean } | null;
  /** A person decided, and no run. */
  by_hand?: boolean;
  gain: number | Missing;
  gain_interval: Interval | Missing;
  probability: number | Missing;
  gates: Gate[];
  reason: string;
  by: string;
  run_id: string;
}

/** A line of the promotion history. */
export interface HistoryRow extends Decision {
  /** Further decisions of the same run that kept the champion it left, the newest first. */
  again?: Decision[];
}

export interface Decisions {
  /** Lines of the history. */
  all: number;
  /** Decisions in the ledger. */
  decided?: number;
  decisions: HistoryRow[];
  in_airflow: string[];
}

export interface Epoch {
  epoch: number;
  validation_balanced_accuracy?: number | null;
  /** Mean cross-entropy on the validation titles. */
  validation_loss?: number | null;
  /** The same quantity on the training titles; histories of 0.1.0 have none. */
  train_cross_entropy?: number | null;
  /** What was minimized: with margin, smoothing and weights, so not to be drawn beside the other two. */
  train_loss?: number | null;
  learning_rate?: number | null;
  seconds?: number | null;
}

/** What the paired test says of a model and the baseline. */
export type Verdict = "better" | "worse" | "unclear" | "same" | "untested";

/** The epochs of a training run, and which of them became the model and why. */
export interface Curve {
  epochs: Epoch[];
  /** Null if it is not known. */
  kept_epoch: number | null;
  /** A line: epoch 6 kept: best validation balanced accuracy. */
  kept: string;
  /** Whether it was trained with dropout; null if it is not known. */
  dropout: boolean | null;
}

/** By how much a score is above the baseline's. */
export interface ScoreDifference {
  value: number;
  /** 95 %, of the paired test; null if nothing was tested. */
  interval: Interval | null;
  probability: number | null;
  verdict: Verdict;
}

export interface Score {
  value: number;
  interval: Interval | null;
  /** Null for the baseline, or if it has no such figure. */
  difference: ScoreDifference | null;
}

export interface ComparedModel {
  row: ModelRow;
  baseline: boolean;
  champion: boolean;
  ensemble: boolean;
  /** On the titles of the comparison, by name of the figure. */
  scores: Record<string, Score>;
  curve: Curve;
}

/** The titles that the scores are on: the same for all models, those that they have in common, or none. */
export interface ComparedTitles {
  kind: "same" | "common" | "none";
  titles: number;
  test_set: TestSet | null;
  note: string;
}

export interface CategoryChange {
  value: number;
  verdict: Verdict;
  probability: number | null;
}

/** A category's recall with each model, in the order of the models. */
export interface CategoryRow {
  category: string;
  titles: number;
  recalls: (number | null)[];
  changes: (CategoryChange | null)[];
}

export interface Parameter {
  name: string;
  values: unknown[];
  differs: boolean;
}

/** The parameters of the models at these positions. */
export interface ParameterTable {
  title: string;
  models: number[];
  rows: Parameter[];
}

/** The weight of a model in each compared one; a model that is no ensemble is its own only member. */
export interface MemberRow {
  set: string;
  train: string;
  weights: (number | null)[];
}

/** Two to eight models, each compared with one of them, the baseline. */
export interface Comparison {
  models: ComparedModel[];
  titles: ComparedTitles;
  notes: string[];
  /** Why the curves do not compare; empty if they do. */
  curves_note: string;
  /** Empty if no model is an ensemble. */
  members: MemberRow[];
  parameters: ParameterTable[];
  categories: CategoryRow[];
}

/** What a running step last reported. */
export interface Progress {
  epoch?: number;
  epochs?: number;
  step?: number;
  steps?: number;
  titles_per_second?: number;
  seconds_left?: number;
  error?: string;
}

export interface Step {
  stage: string;
  name: string;
  key: string;
  state: string;
  seconds: number | null;
  estimate?: number | null;
  at: string;
  by: string;
  progress: Progress;
}

export interface FailedTask {
  task: string;
  /** Of a mapped task; -1 if it is not mapped. */
  map_index: number;
  label: string;
  message: string;
  /** Whether Airflow has a page of it. */
  in_airflow: boolean;
}

export interface RunHead {
  outcome: string;
  title: string;
  detail: string;
  failed: FailedTask[];
  /** Which models are no better than guessing; empty if none is. */
  warning: string;
}

export interface Run {
  state: string;
  head: RunHead;
  /** What the task approve waits for: its evidence as Markdown, and the seconds until Airflow keeps an answer. */
  asked?: { evidence: string; ready_in: number } | null;
  /** Empty until the task `plan` has written one; then only `state` and `head` are there. */
  plan: string;
  run_id?: string;
  as_of: string;
  source: string;
  sets: string[];
  /** Why the run ended early; empty if it did not. */
  nothing_new: string;
  saved_seconds: number;
  test_titles: number | Missing;
  /** Folds that the models were cross-validated over; 0 for a test split. */
  folds: number;
  estimate_seconds: number | Missing;
  steps: Step[];
  rows: ModelRow[];
  evaluated: boolean;
  has_report?: boolean;
  decision: Decision | null;
  /** What the run asks a person and waits for; empty if it does not. */
  question?: string;
  /** The day on which files of the run were deleted to save space; empty if not. */
  pruned?: string;
  /** The number of the ledger's last decision; 0 if there is none. */
  last_decision: number;
  skipped: SkippedObjects;
}

export interface Training {
  task: { state?: string };
  /** Empty until the task's set is known; the other fields are empty then too. */
  set: string;
  state: string;
  key: string;
  architecture: string;
  epochs_total: number | null;
  epochs: Epoch[];
  losses: [step: number, loss: number][];
  kept_epoch: number | null;
  /** Which epoch was kept and why, in a line; empty until then. */
  kept: string;
  /** Whether it is trained with dropout; null if it is not known. */
  dropout: boolean | null;
  /** Which epoch the set keeps: best, or last. */
  keep: string;
  stopped_by: string;
  seconds: number | null;
  at: string;
  made_by: string;
  /** The model came from an earlier run. */
  hit: boolean;
  progress: Progress;
  error: string;
}

export interface BackfillDate {
  date: string;
  run_id: string;
  done: boolean;
  computed: number;
  cached: number;
  estimate_seconds: number | null;
  problem: string;
  empty: boolean;
}

export interface BackfillReportDate {
  date: string;
  state: string;
  scores: Record<string, { balanced_accuracy: number }>;
  failed: Record<string, string>;
  note: string;
}

export interface Backfill {
  state: string;
  approval: string;
  /** The state of each date's run by its id. */
  runs: Record<string, string>;
  preview: {
    at: string;
    request: { sets: string[]; source: string; promotion: string; overrides?: Record<string, unknown> };
    dates: BackfillDate[];
    warnings: string[];
    computed: number;
    cached: number;
    estimate_seconds: number | null;
    saved_seconds: number;
  } | null;
  report: {
    state: string;
    dates: BackfillReportDate[];
    computed: number;
    reused: number;
    seconds: number;
    rejected_by: string;
  } | null;
}

export interface Artifact {
  stage: string;
  key: string;
  url: string;
  params: Record<string, unknown>;
  inputs: Record<string, unknown>;
  outputs: Record<string, { bytes: number; sha256: string }>;
  summary: Record<string, unknown>;
  /** The day on which its files were deleted to save space; empty if they were not. */
  pruned?: string;
  about: { at?: string; seconds?: number; run_id?: string; git?: string; versions?: Record<string, string> };
}

/** The figure of a model. That of a champion is less than the evaluated one, by what its selection added. */
export interface HeadFigure {
  balanced_accuracy: number;
  interval: Interval;
  evaluated: number;
  selection_bias: number;
}

/** A member of an ensemble. */
export interface ModelMember {
  set: string;
  weight: number;
  train: string;
  /** Of its row in the same run; empty if the run did not evaluate it. */
  id: string;
}

/** The listings that a model was made from. */
export interface TrainedOn {
  rows: number;
  categories: number;
  fingerprint: string;
  languages: Record<string, number>;
  label_qualities: Record<string, number>;
  bad_rows: number;
}

/** The figures on a part of the test titles, such as those of one language. */
export interface SliceRow {
  kind: string;
  name: string;
  titles: number;
  /** Too few titles for the figures to say much. */
  few: boolean;
  balanced_accuracy: number;
  accuracy: number | null;
  interval: Interval | null;
}

export interface CategoryFigures {
  category: string;
  recall: number;
  titles: number;
  /** Too few titles for the recall to say much. */
  few: boolean;
  interval: Interval | null;
  /** Test titles that the model puts into this category; null if it was not measured. */
  predicted: number | null;
}

export interface LineageRow {
  stage: string;
  /** Of a member of an ensemble: its set. */
  name: string;
  key: string;
  /** Empty if the artifact is no longer in the store. */
  at: string;
  run_id: string;
  seconds: number;
}

/** A golden title that a model does not put into its category. */
export interface LostTitle {
  title: string;
  category: string;
  predicted: string;
}

/** The figures that are not in the row of the leaderboard; null if they were not measured. */
export interface ModelFigures {
  top3: number | null;
  calibration_error: number | null;
  suspect_labels: number | null;
  golden: { titles: number; lost: LostTitle[]; lost_titles: number } | null;
}

/** Test titles whose predictions are about equally probable. */
export interface ReliabilityBin {
  lowest: number;
  highest: number;
  probability: number;
  accuracy: number;
  titles: number;
}

/** What is left if the model abstains where its prediction is less probable than `threshold`. */
export interface AbstentionPoint {
  threshold: number;
  coverage: number;
  accuracy: number;
}

/** What it takes to be right this often; the point is null if no threshold reaches it. */
export interface Answering {
  accuracy: number;
  point: AbstentionPoint | null;
}

/** The simple model that every model should beat. */
export interface ReferenceModel {
  balanced_accuracy: number;
  interval: Interval;
  accuracy: number;
  trained_titles: number;
  /** Models that are not better than it for certain. */
  not_beaten_by: string[];
}

/** One model of one run. */
export interface Model {
  row: ModelRow;
  /** Null if it was not evaluated. */
  test_set: TestSet | null;
  figure: HeadFigure | null;
  figures: ModelFigures | null;
  /** What the page cannot display and why, a sentence each. */
  missing: string[];
  /** What to know about the figures, a sentence each. */
  notes: string[];
  /** Whether it is the model of the current champion, in any run. */
  champion: boolean;
  /** The id of a row of the current champion; empty if there is no other model. */
  compare_with: string;
  members: ModelMember[];
  trained_on: TrainedOn | null;
  slices: SliceRow[];
  /** All of them: the lowest recall first, those with few titles last. */
  categories: CategoryFigures[];
  reliability: ReliabilityBin[];
  abstention: AbstentionPoint[];
  answering: Answering[];
  reference: ReferenceModel | null;
  /** By dotted name. */
  parameters: Record<string, unknown>;
  /** The model itself comes first. */
  lineage: LineageRow[];
  /** Those that compared, promoted or restored it; newest first. */
  decisions: Decision[];
  load: { where: string; code: string }[];
  has_predictions: boolean;
  has_suspects: boolean;
  has_report: boolean;
  /** Markdown; empty if there is none. */
  card: string;
  /** Ids of its runs that Airflow knows. */
  in_airflow: string[];
}

/** Titles of one category that the model puts into another one. */
export interface Confusion {
  category: string;
  predicted: string;
  titles: number;
  of_titles: number;
}

export interface Confusions {
  id: string;
  test_titles: number;
  /** The category that every pair contains; empty for all categories. */
  of: string;
  pairs: Confusion[];
  has_titles: boolean;
}

export interface ConfusedTitle {
  row: number;
  title: string;
  probability: number | null;
  true_probability: number | null;
}

/** The titles behind one confusion, those that the model was surest of first. */
export interface ConfusedTitles {
  category: string;
  predicted: string;
  titles: number;
  shown: ConfusedTitle[];
}

/** What the signed-in user may do. */
export interface Rights {
  user: string;
  /** Promote a model, roll back, and repair the alias. */
  decide: boolean;
  answer: boolean;
  "stop-training": boolean;
  "cancel-backfill": boolean;
}

/** A decision that a person made on a page. */
export interface Changed {
  decision: Decision;
  /** Why MLflow's alias has not followed yet; empty if it has. */
  warning: string;
}

/** The champion on a day, and the decision that promoted or restored it. */
export interface ChampionOn {
  on: string;
  set: string | null;
  train: string;
  sha256: string;
  balanced_accuracy: number | null;
  selection_bias: number;
  interval: Interval | null;
  run_id: string;
  as_of: string | null;
  decision: Decision | null;
}

/** How well a model knows a word: "parts" if misspelled, by most letters; "ignored" is no word for its tokenizer. */
export type Known = "word" | "parts" | "nothing" | "ignored";

/** A title with its most probable categories; without a known word there are none, as they would be a guess. */
export interface Explanation {
  title: string;
  known: boolean;
  categories: { category: string; probability: number }[];
  /** The effect is what the predicted category's probability loses without the word. */
  words: { text: string; known: Known; effect: number | null }[];
}

export interface Predictions {
  model: string;
  train: string;
  sha256: string;
  warning: string;
  titles: Explanation[];
}

/** A row of a scored file; `known` is null if it has no usable title. */
export interface ScoredRow {
  title: string;
  category: string;
  probability: number | null;
  known: boolean | null;
}

/** A file scored on the page: its first rows, and all of it as CSV. */
export interface ScoredFile {
  model: string;
  train: string;
  sha256: string;
  warning: string;
  /** The column with the titles. */
  column: string;
  rows: number;
  /** Rows with a title of which the model knows no word. */
  unknown_rows: number;
  /** Rows without a usable title. */
  bad_rows: number;
  notes: string[];
  first: ScoredRow[];
  csv: string;
}

/** A line of the answer while a file is scored; the last one has a result or an error. */
export interface ScoringEvent {
  /** Between 0 and 1. */
  fraction: number;
  rows: number;
  error: string;
  result: ScoredFile | null;
}
