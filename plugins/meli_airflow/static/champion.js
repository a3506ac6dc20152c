// Who is champion: on which data, since when, by which decision and why.
import { h, membersText, moment, number, runTab, share, UI, useAnswer } from "./base.js";
import { Figure, Muted, Nothing, Out, Panel, Section, State, To } from "./parts.js";

const { Box, Flex, Heading, SimpleGrid, Text } = UI;

export function Champion({ champion, linked, runs }) {
  const { data: mlflow } = useAnswer(champion ? "mlflow" : "", ({ version, note }) => (version && !note ? 0 : 15));
  if (!champion) {
    return h(
      Section,
      { title: "Champion" },
      h(
        Nothing,
        { title: "There is no champion yet" },
        runs
          ? "No run has promoted a model. The promotion history below says why."
          : [
              "Trigger a run of ",
              h(To, { key: "dag", to: "/dags/meli_training" }, "meli_training"),
              ": its best model is promoted when it ends.",
            ],
      ),
    );
  }
  const version = mlflow?.version
    ? h(Out, { href: mlflow.url }, `version ${mlflow.version}`)
    : h(Muted, null, mlflow ? "unknown" : "asking…");
  return h(
    Section,
    { title: "Champion" },
    h(
      Panel,
      { "data-testid": "champion" },
      // The buttons to promote another model or to roll back belong at the right end of this row.
      h(
        Flex,
        { justify: "space-between", align: "start", wrap: "wrap", gap: 4, mb: 4 },
        h(
          Box,
          { minW: 0 },
          h(
            Flex,
            { align: "center", gap: 3, wrap: "wrap" },
            h(Heading, { as: "h3", size: "lg" }, champion.set),
            h(State, { of: "champion" }),
            champion.action === "rollback" ? h(State, { of: "rollback" }, "rolled back to") : null,
          ),
          h(Text, { color: "fg.muted", fontSize: "sm", mt: 1 }, champion.reason),
          Object.keys(champion.members).length
            ? h(Text, { color: "fg.muted", fontSize: "sm" }, `members: ${membersText(champion.members)}`)
            : null,
        ),
        h(
          Box,
          { textAlign: { base: "start", md: "end" } },
          h(
            Text,
            { fontSize: "3xl", fontWeight: "bold", lineHeight: 1.1, fontVariantNumeric: "tabular-nums" },
            share(champion.balanced_accuracy),
          ),
          h(Muted, null, `balanced accuracy, ${share(champion.interval[0])} to ${share(champion.interval[1])}`),
        ),
      ),
      h(
        SimpleGrid,
        { columns: { base: 1, sm: 2, lg: 4 }, gap: 4 },
        h(
          Figure,
          { label: "Since" },
          `${moment(champion.since)}, decision ${champion.decision}`,
          h(
            Muted,
            { display: "block" },
            champion.kept
              ? `kept by ${champion.kept} later decision${champion.kept > 1 ? "s" : ""}`
              : "the latest decision",
          ),
        ),
        h(
          Figure,
          { label: "Trained by" },
          linked.has(champion.run_id)
            ? h(To, { to: runTab(champion.run_id) }, champion.run_id)
            : champion.run_id || "–",
          champion.by !== champion.run_id ? h(Muted, { display: "block" }, `decided by ${champion.by}`) : null,
        ),
        h(
          Figure,
          { label: "Data" },
          champion.source || "–",
          h(
            Muted,
            { display: "block" },
            [
              champion.as_of && `as of ${champion.as_of}`,
              champion.rows && `${number(champion.rows)} titles`,
              champion.categories && `${number(champion.categories)} categories`,
            ]
              .filter(Boolean)
              .join(", "),
          ),
          champion.fingerprint
            ? h(
                Muted,
                { display: "block", title: champion.fingerprint, fontFamily: "mono", fontSize: "xs" },
                `fingerprint ${champion.fingerprint.slice(0, 12)}`,
              )
            : null,
        ),
        h(
          Figure,
          { label: "MLflow" },
          version,
          mlflow?.note ? h(Muted, { display: "block" }, mlflow.note) : null,
          h(
            Muted,
            { display: "block", fontFamily: "mono", fontSize: "xs", title: champion.train },
            `key ${champion.train.slice(0, 12)}`,
          ),
        ),
      ),
    ),
  );
}
