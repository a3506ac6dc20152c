// The current champion: which data it was trained on, since when it has been champion, by which decision and why.
import { formatDateTime, h, runTab, UI, useState } from "./airflow.js";
import { Deciding, Done, rollback } from "./deciding.js";
import { count, formatDecimal, formatInterval, formatMembers, formatTestSet } from "./format.js";
import { AppLink, EmptyState, ExternalLink, LabeledValue, Muted, Note, Panel, Section, StateBadge } from "./parts.js";
import { reportUrl, useServer } from "./server.js";

/** @typedef {import("../types/responses").Champion} ChampionResponse */
/** @typedef {import("../types/responses").MlflowChampion} MlflowChampion */

const { Box, Flex, Heading, SimpleGrid, Text } = UI;
const SECONDS = 30;
const MONO = { display: "block", fontFamily: "mono", fontSize: "xs" };

/**
 * `linked` has the ids of runs that Airflow knows, `runs` the number of all runs in the store, `last` the number of the
 * last decision.
 * @param {object} props
 * @param {ChampionResponse | null} props.champion
 * @param {string} props.unknown
 * @param {Set<string>} props.linked
 * @param {number} props.runs
 * @param {number} props.last
 * @param {boolean} props.mayDecide
 * @param {() => void} props.reload
 */
export function Champion({ champion, unknown, linked, runs, last, mayDecide, reload }) {
  if (unknown) return h(Section, { title: "Champion" }, h(Note, { status: "warning", title: "Unknown" }, unknown));
  return h(
    Section,
    { title: "Champion" },
    champion
      ? h(
          Panel,
          { "data-testid": "champion" },
          h(Summary, { champion }),
          h(Details, { champion, linked }),
          champion.card ? h(Card, { card: champion.card }) : null,
          mayDecide ? h(RollBack, { champion, last, reload }) : null,
        )
      : h(
          EmptyState,
          { title: "There is no champion yet" },
          runs ? "No run has promoted a model. The promotion history below has the reasons." : h(HowToStart),
        ),
  );
}

/** @param {{champion: ChampionResponse, last: number, reload: () => void}} props */
function RollBack({ champion, last, reload }) {
  const [done, setDone] = useState("");
  return h(
    Box,
    { mt: 4 },
    h(Deciding, { label: "Roll back", action: rollback(champion, last), onDone: setDone, reload }),
    h(Done, null, done),
  );
}

/** @param {{card: string}} props */
const Card = ({ card }) =>
  h(
    Box,
    { as: "details", mt: 4 },
    h(Box, { as: "summary", cursor: "pointer", fontSize: "sm" }, "Model card"),
    h(
      Box,
      { as: "pre", mt: 2, fontSize: "xs", whiteSpace: "pre-wrap", wordBreak: "break-word", "data-testid": "card" },
      card,
    ),
  );

const HowToStart = () =>
  h(
    "span",
    null,
    "Trigger a run of ",
    h(AppLink, { to: "/dags/meli_training" }, "meli_training"),
    ": its best model becomes the champion when it ends.",
  );

/** @param {{champion: ChampionResponse}} props */
const Summary = ({ champion }) =>
  h(
    Flex,
    { justify: "space-between", align: "start", wrap: { base: "wrap", md: "nowrap" }, gap: 4, mb: 4 },
    h(
      Box,
      { minW: 0 },
      h(
        Flex,
        { align: "center", gap: 3, wrap: "wrap" },
        h(Heading, { as: "h3", size: "lg" }, champion.set),
        h(StateBadge, { of: "champion" }),
        champion.action === "rollback" ? h(StateBadge, { of: "rollback" }, "restored by a rollback") : null,
      ),
      h(Text, { color: "fg.muted", fontSize: "sm", mt: 1 }, champion.reason),
      Object.keys(champion.members).length
        ? h(Text, { color: "fg.muted", fontSize: "sm" }, `members: ${formatMembers(champion.members)}`)
        : null,
    ),
    h(Figure, { champion }),
  );

/**
 * The score on the newest titles, and the one that it was promoted for if that was on others.
 * @param {{champion: ChampionResponse}} props
 */
function Figure({ champion }) {
  const { current } = champion;
  const { balanced_accuracy: accuracy, interval, selection_bias: bias } = current ?? champion;
  const promotedFor = formatDecimal(champion.balanced_accuracy);
  return h(
    Box,
    { textAlign: { base: "start", md: "end" }, w: { md: "360px" }, flexShrink: 0, maxW: "100%" },
    h(
      Text,
      { fontSize: "3xl", fontWeight: "bold", lineHeight: 1.1, fontVariantNumeric: "tabular-nums" },
      formatDecimal(accuracy),
    ),
    h(Muted, { display: "block" }, `balanced accuracy, 95 % interval ${formatInterval(interval)}`),
    h(
      Muted,
      { display: "block" },
      current
        ? `on ${formatTestSet(current.test_set)}`
        : `on ${titlesOf(champion)} of the run that promoted it; no run in the store has evaluated it since`,
    ),
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

/** @param {ChampionResponse} champion */
const titlesOf = ({ folds }) => (folds ? `the titles, cross-validated over ${folds} folds,` : "the test titles");

/** @param {{champion: ChampionResponse, linked: Set<string>}} props */
const Details = ({ champion, linked }) =>
  h(
    SimpleGrid,
    { columns: { base: 1, sm: 2, lg: 4 }, gap: 4 },
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
      champion.has_report
        ? h(Box, { fontSize: "sm" }, h(ExternalLink, { href: reportUrl(champion.run_id) }, "Report"))
        : null,
    ),
    h(Data, { champion }),
    h(Mlflow, { key: champion.train, champion }), // another champion has another version
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
        champion.rows && count(champion.rows, "title"),
        champion.categories && count(champion.categories, "category"),
      ]
        .filter(Boolean)
        .join(", "),
    ),
    champion.fingerprint
      ? h(Muted, { ...MONO, title: champion.fingerprint }, `fingerprint ${champion.fingerprint.slice(0, 12)}`)
      : null,
  );

/** @param {{champion: ChampionResponse}} props */
function Mlflow({ champion }) {
  /** @type {import("./server.js").Loaded<MlflowChampion>} */
  const { data } = useServer("mlflow", () => SECONDS);
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
