// The current champion in ten seconds: how good it is, what it replaced, what the last run did and why, the way back.
// Its data, its keys and its model card are below a fold.
import { RepairAlias } from "./actions.js";
import { formatDateTime, h, MODELS_PATH, modelPath, UI, useEffect, useRef, useState } from "./airflow.js";
import { Details, isByHand, titlesOf } from "./champion_details.js";
import { ago, betterThan, meaning } from "./champion_text.js";
import { Deciding, Done, rollback } from "./deciding.js";
import { Fold } from "./fold.js";
import { formatDay, formatDecimal, formatInterval, formatTestSet } from "./format.js";
import { LastRun } from "./last_run.js";
import { AppLink, EmptyState, ExternalLink, Muted, Note, Panel, Section, StateBadge } from "./parts.js";
import { reportUrl, useServer } from "./server.js";

/** @typedef {import("../types/responses").Champion} ChampionResponse */
/** @typedef {import("../types/responses").ChampionNews} ChampionNews */
/** @typedef {import("../types/responses").MlflowChampion} MlflowChampion */

/**
 * What a rollback needs: the number of the last decision, and what the rollback before it did.
 * @typedef {{last: number, done: string, onDone: (text: string) => void, reload: () => void}} RollBackProps
 */

const { Box, Flex, Heading, Text } = UI;
const SECONDS = 30;
const COLUMNS = { base: "minmax(0, 1fr)", md: "minmax(0, 1fr) minmax(0, 400px)" };
/** A phone shows the champion, its figure and the last verdict first. */
const AREAS = {
  base: '"name" "figure" "last" "background"',
  md: '"name figure" "background figure" "last last"',
};

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
  /** @type {import("./server.js").Loaded<ChampionNews>} */
  const { data: latest, error, reload: reloadNews } = useServer("champion-news", () => SECONDS);
  // News after another decision than the page's may be about another champion, and its way back leads elsewhere.
  const matching = useRef(latest);
  if (latest?.decision === last) matching.current = latest;
  const news = matching.current?.decision === last ? matching.current : undefined;
  const behind = latest && latest.decision < last;
  const ahead = latest && latest.decision > last;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each decision, not whenever the page is drawn
  useEffect(() => {
    if (behind) reloadNews();
    if (ahead) reload();
  }, [behind, ahead, last]);
  const [done, setDone] = useState(""); // here, as the card of the champion that was rolled back is gone
  const reloadBoth = () => {
    reload();
    reloadNews();
  };
  const lastRun = latest?.last_run ? h(LastRun, { run: latest.last_run, linked: new Set(latest.in_airflow) }) : null;
  if (unknown) {
    const advice =
      "\nWho is champion is unknown until it can be read. Restore it from a backup, or upgrade meli-tasks.";
    return h(
      Section,
      { title: "Champion" },
      h(Note, { status: "warning", title: "The champion is unknown" }, unknown, advice),
      lastRun,
    );
  }
  return h(
    Section,
    { title: "Champion" },
    champion
      ? h(
          Card,
          {
            key: champion.train, // a card for each champion
            champion,
            news,
            unknown: Boolean(error),
            linked,
            rollBack: mayDecide ? { last, done, onDone: setDone, reload: reloadBoth } : null,
          },
          lastRun ??
            (error ? h(Muted, { display: "block" }, `What the last run did is unknown: ${error.message}`) : null),
        )
      : h(
          Box,
          null,
          h(
            EmptyState,
            { title: "There is no champion yet" },
            runs ? "No run has promoted a model. The promotion history below has the reasons." : h(HowToStart),
          ),
          lastRun,
        ),
  );
}

/**
 * `children`: what the last run did; `unknown`: the news could not be loaded.
 * @param {object} props
 * @param {ChampionResponse} props.champion
 * @param {ChampionNews | undefined} props.news
 * @param {boolean} props.unknown
 * @param {Set<string>} props.linked
 * @param {RollBackProps | null} props.rollBack null for users without the right
 * @param {import("react").ReactNode} [props.children]
 */
function Card({ champion, news, unknown, linked, rollBack, children }) {
  /** @type {import("./server.js").Loaded<MlflowChampion>} */
  const { data: mlflow } = useServer("mlflow", () => SECONDS);
  return h(
    Panel,
    { "data-testid": "champion" },
    h(Warnings, { news, mlflow }),
    mlflow?.differs && rollBack ? h(RepairAlias, { reload: rollBack.reload }) : null,
    h(
      Box,
      { display: "grid", columnGap: 6, rowGap: 3, gridTemplateColumns: COLUMNS, gridTemplateAreas: AREAS },
      h(Name, { champion }),
      h(Figure, { champion }),
      h(Background, { champion, news, mlflow }),
      h(Box, { gridArea: "last", minW: 0 }, children),
    ),
    rollBack && (news || unknown) ? h(RollBack, { champion, news, ...rollBack }) : null,
    h(Fold, { mt: 3, label: "Details: decision, data, keys, model card" }, h(Details, { champion, linked, mlflow })),
  );
}

/**
 * What of the champion needs attention: its model is gone, MLflow names another one, or its data is old or has changed.
 * @param {{news: ChampionNews | undefined, mlflow: MlflowChampion | undefined}} props
 */
function Warnings({ news, mlflow }) {
  const alias = mlflow?.differs ? (mlflow.note ?? "") : "";
  const warnings = [...(news?.warnings ?? []), alias].filter(Boolean);
  return h(
    Box,
    null,
    news?.gone ? h(Note, { status: "error", title: "The champion's model is gone" }, news.gone) : null,
    warnings.length
      ? h(
          Note,
          {
            status: "warning",
            title: warnings.length === 1 ? "Needs attention" : `${warnings.length} things need attention`,
          },
          warnings.join("\n"),
        )
      : null,
  );
}

/**
 * The button names what it restores, so there is none before that is known; if the news cannot be loaded, it restores
 * the previous champion all the same.
 * @param {{champion: ChampionResponse, news: ChampionNews | undefined} & RollBackProps} props
 */
function RollBack({ champion, news, last, done, onDone, reload }) {
  const back = news?.way_back ?? null;
  if (news && !back) return h(Done, null, done || "There is no other champion to roll back to.");
  if (back?.gone) {
    return h(Muted, { display: "block" }, `The previous champion, ${back.set}, is no longer in the store.`);
  }
  return h(
    Box,
    { mt: 4 },
    h(
      Flex,
      { align: "center", gap: 3, wrap: "wrap" },
      h(Deciding, {
        label: back ? `Roll back to ${back.set}` : "Roll back",
        action: rollback(champion, last, back),
        onDone,
        reload,
      }),
      back
        ? h(
            Muted,
            null,
            `${back.undo ? "the champion before this rollback" : "the previous champion"}, promoted on ${formatDateTime(back.at)} with ${formatDecimal(back.balanced_accuracy)}`,
          )
        : null,
    ),
    h(Done, null, done),
  );
}

const HowToStart = () =>
  h(
    "span",
    null,
    "Trigger a run of ",
    h(AppLink, { to: "/dags/meli_training" }, "meli_training"),
    ": its best model becomes the champion when it ends.",
  );

/** @param {{champion: ChampionResponse}} props */
const Name = ({ champion }) =>
  h(
    Flex,
    { gridArea: "name", align: "center", gap: 3, wrap: "wrap", minW: 0 },
    h(Heading, { as: "h3", size: "lg", overflowWrap: "anywhere" }, champion.set),
    h(StateBadge, { of: "champion" }),
    champion.action === "rollback" ? h(StateBadge, { of: "rollback" }, "restored by a rollback") : null,
  );

/** @param {{champion: ChampionResponse, news: ChampionNews | undefined, mlflow: MlflowChampion | undefined}} props */
const Background = ({ champion, news, mlflow }) =>
  h(
    Box,
    { gridArea: "background", minW: 0 },
    h(Text, { fontSize: "sm" }, betterThan(news)),
    isByHand(champion) ? h(Text, { fontSize: "sm", overflowWrap: "anywhere" }, champion.reason) : null,
    h(Since, { champion, news }),
    h(Links, { champion, news, mlflow }),
  );

/** @param {{champion: ChampionResponse, news: ChampionNews | undefined}} props */
function Since({ champion, news }) {
  const age = typeof news?.days === "number" ? ` (${ago(news.days)})` : "";
  const dataAge = typeof news?.data_days === "number" ? ` (${ago(news.data_days)})` : "";
  return h(
    Muted,
    { display: "block", mt: 1 },
    `Champion since ${formatDateTime(champion.since)}${age}.`,
    champion.as_of ? ` Trained on titles up to ${formatDay(champion.as_of)}${dataAge}.` : "",
  );
}

/**
 * Where to look further.
 * @param {{champion: ChampionResponse, news: ChampionNews | undefined, mlflow: MlflowChampion | undefined}} props
 */
function Links({ champion, news, mlflow }) {
  return h(
    Flex,
    { columnGap: 4, rowGap: 1, wrap: "wrap", mt: 3, fontSize: "sm" },
    news?.model ? h(AppLink, { to: modelPath(news.model, "confusions") }, "What it confuses") : null,
    news && !news.gone ? h(AppLink, { to: `${MODELS_PATH}?try=1` }, "Try a title") : null,
    champion.has_report ? h(ExternalLink, { href: reportUrl(champion.run_id) }, "Report") : null,
    mlflow?.version && mlflow.url ? h(ExternalLink, { href: mlflow.url }, `MLflow version ${mlflow.version}`) : null,
  );
}

/**
 * The score on the newest titles, in words, with its interval.
 * @param {{champion: ChampionResponse}} props
 */
function Figure({ champion }) {
  const { current } = champion;
  const { balanced_accuracy: accuracy, interval } = current ?? champion;
  return h(
    Box,
    { gridArea: "figure", textAlign: { base: "start", md: "end" }, minW: 0 },
    h(
      Text,
      { fontSize: "3xl", fontWeight: "bold", lineHeight: 1.1, fontVariantNumeric: "tabular-nums" },
      formatDecimal(accuracy),
    ),
    h(Muted, { display: "block" }, `balanced accuracy, 95 % interval ${formatInterval(interval)}`),
    h(Text, { fontSize: "sm", my: 1 }, meaning(accuracy)),
    h(
      Muted,
      { display: "block" },
      current
        ? `on ${formatTestSet(current.test_set)}`
        : `on ${titlesOf(champion)} of the run that promoted it; no run in the store has evaluated it since`,
    ),
  );
}
