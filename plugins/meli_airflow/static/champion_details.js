// The champion below the fold: its decision, its data, its keys, its model card.
import { formatDateTime, h, runTab, UI } from "./airflow.js";
import { Fold } from "./fold.js";
import { count, formatDecimal, formatMembers } from "./format.js";
import { AppLink, ExternalLink, LabeledValue, Muted } from "./parts.js";

/** @typedef {import("../types/responses").Champion} ChampionResponse */
/** @typedef {import("../types/responses").MlflowChampion} MlflowChampion */

const { Box, SimpleGrid } = UI;
const MONO = { display: "block", fontFamily: "mono", fontSize: "xs" };

/**
 * The titles of the run that promoted it.
 * @param {ChampionResponse} champion
 */
export const titlesOf = ({ folds = 0 }) =>
  folds > 1 ? `the titles, cross-validated over ${folds} folds,` : "the test titles";

/**
 * How the figure came about: what it was evaluated at, and what it was promoted with if that was on other titles.
 * @param {{champion: ChampionResponse}} props
 */
function Corrections({ champion }) {
  const { balanced_accuracy: accuracy, selection_bias: bias } = champion.current ?? champion;
  const promotedFor = formatDecimal(champion.balanced_accuracy);
  return h(
    Box,
    null,
    bias
      ? h(
          Muted,
          { display: "block" },
          `evaluated at ${formatDecimal(accuracy + bias)}, less ${formatDecimal(bias)}: it was selected on these titles`,
        )
      : null,
    promotedFor === formatDecimal(accuracy)
      ? null
      : h(Muted, { display: "block" }, `promoted with ${promotedFor}, on ${titlesOf(champion)} of that run`),
  );
}

/** @param {{card: string}} props */
const Card = ({ card }) =>
  h(
    Fold,
    { mt: 4, label: "Model card" },
    h(Box, { as: "pre", fontSize: "xs", whiteSpace: "pre-wrap", wordBreak: "break-word", "data-testid": "card" }, card),
  );

/**
 * Whether a person decided: then the reason is that person's, and above the fold.
 * @param {ChampionResponse} champion
 */
export const isByHand = (champion) => champion.by !== champion.run_id;

/** @param {{champion: ChampionResponse, linked: Set<string>, mlflow: MlflowChampion | undefined}} props */
export const Details = ({ champion, linked, mlflow }) =>
  h(
    Box,
    null,
    isByHand(champion) ? null : h(Muted, { display: "block", mb: 3 }, champion.reason),
    h(Corrections, { champion }),
    h(Facts, { champion, linked, mlflow }),
    champion.card
      ? h(Card, { card: champion.card })
      : h(
          Muted,
          { display: "block", mt: 4 },
          `The model card is missing from the store. To make it again, run: meli card ${champion.train}`,
        ),
  );

/** @param {{champion: ChampionResponse, linked: Set<string>, mlflow: MlflowChampion | undefined}} props */
const Facts = ({ champion, linked, mlflow }) =>
  h(
    SimpleGrid,
    { columns: { base: 1, sm: 2, lg: 4 }, gap: 4, mt: 3 },
    h(
      LabeledValue,
      { label: "Since" },
      `${formatDateTime(champion.since)}, decision ${champion.decision}`,
      h(
        Muted,
        { display: "block" },
        champion.kept ? `kept by ${count(champion.kept, "later decision")}` : "the latest decision",
      ),
    ),
    h(
      LabeledValue,
      { label: "Trained by" },
      linked.has(champion.run_id)
        ? h(AppLink, { to: runTab(champion.run_id) }, champion.run_id)
        : champion.run_id || "–",
      champion.by !== champion.run_id ? h(Muted, { display: "block" }, `decided by ${champion.by}`) : null,
      Object.keys(champion.members).length
        ? h(Muted, { display: "block" }, `members: ${formatMembers(champion.members)}`)
        : null,
    ),
    h(Data, { champion }),
    h(Mlflow, { champion, mlflow }),
  );

/** @param {{champion: ChampionResponse}} props */
const Data = ({ champion }) =>
  h(
    LabeledValue,
    { label: "Data" },
    champion.source || "–",
    h(
      Muted,
      { display: "block" },
      [
        champion.as_of && `as of ${champion.as_of}`,
        champion.rows ? count(champion.rows, "title") : "number of titles unknown: an artifact is missing",
        champion.categories && count(champion.categories, "category"),
      ]
        .filter(Boolean)
        .join(", "),
    ),
    champion.fingerprint
      ? h(Muted, { ...MONO, title: champion.fingerprint }, `fingerprint ${champion.fingerprint.slice(0, 12)}`)
      : null,
  );

/** @param {{champion: ChampionResponse, mlflow: MlflowChampion | undefined}} props */
function Mlflow({ champion, mlflow: data }) {
  const version = () => {
    if (data?.version && data.url) return h(ExternalLink, { href: data.url }, `version ${data.version}`);
    return h(Muted, null, data ? "unknown" : "loading…");
  };
  return h(
    LabeledValue,
    { label: "MLflow" },
    version(),
    data?.note ? h(Muted, { display: "block" }, data.note) : null,
    h(Muted, { ...MONO, title: champion.train }, `key ${champion.train.slice(0, 12)}`),
  );
}
