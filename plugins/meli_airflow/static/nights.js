// The runs over nights: how each ended, the champion and the best challenger, and what the titles were like. Each point
// and each mark opens its run.
import { h, Router, runTab, UI, useAddress, useState } from "./airflow.js";
import { Chart, COLOURS } from "./chart.js";
import { DateField } from "./date_field.js";
import { dayAt } from "./day_series.js";
import { DayStrip } from "./day_strip.js";
import { Fold } from "./fold.js";
import { formatDay } from "./format.js";
import { accuracyLine, comparability, howMany, line, MARKS, outcomes } from "./night_series.js";
import { minutes, NightTable, unknownPercent } from "./night_table.js";
import { EmptyState, LoadError, Loading, Muted, Section } from "./parts.js";
import { useServer } from "./server.js";

/** @typedef {import("../types/responses").NightRow} NightRow */
/** @typedef {import("../types/responses").Nights} NightsResponse */

const { Box, Button, Flex, SimpleGrid } = UI;
const SECONDS = 60;
const PAGE = 30;
const MOST = 1000;
const HEIGHT = 150;
const [BLUE = "", ORANGE = ""] = COLOURS;

export function Nights() {
  const [params] = useAddress();
  const [limit, setLimit] = useState(PAGE);
  const query = new URLSearchParams({ limit: String(limit) });
  const [from, to] = [params.get("nights_from"), params.get("nights_to")];
  if (from) query.set("since", from);
  if (to) query.set("until", to);
  /** @type {import("./server.js").Loaded<NightsResponse>} */
  const { data, error, loading, reload } = useServer(`nights?${query}`, () => SECONDS);
  const body = () => {
    if (data === undefined) return error ? h(LoadError, { error, reload }) : h(Loading);
    if (data.all === 0)
      return h(EmptyState, { title: "No run yet" }, "Each run of meli_training becomes a point here.");
    const older = Math.min(PAGE, data.matching - data.nights.length);
    const more = older > 0 && limit < MOST;
    const onClick = () => setLimit(Math.min(MOST, limit + PAGE));
    return h(
      Box,
      { "data-testid": "nights" },
      h(Days),
      error ? h(LoadError, { error, reload }) : null,
      data.nights.length
        ? h(Figures, { data })
        : h(EmptyState, { title: "No run on these days" }, "Change the days above."),
      more ? h(Button, { mt: 3, size: "sm", variant: "outline", loading, onClick }, `Show ${older} older`) : null,
    );
  };
  return h(
    Section,
    {
      title: "Over nights",
      beside: data ? h(Muted, { "aria-live": "polite" }, loading ? "Loading…" : howMany(data)) : null,
    },
    body(),
  );
}

/** From which day to which. */
function Days() {
  return h(
    Flex,
    { gap: 3, wrap: "wrap", mb: 3 },
    h(DateField, { name: "nights_from", label: "Nights from" }),
    h(DateField, { name: "nights_to", label: "to" }),
  );
}

/** @param {{data: NightsResponse}} props */
function Figures({ data }) {
  const { nights } = data;
  const linked = new Set(data.in_airflow);
  return h(
    Box,
    null,
    h(Strip, { nights, linked }),
    h(Charts, { nights, linked }),
    h(
      Fold,
      { mt: 3, label: "Table of these nights" },
      h(
        Muted,
        { display: "block", mb: 2 },
        "Figures of a champion are less its selection bias. The best challenger is the nominated model, or the best one " +
          "if none was nominated. New categories are compared with the " +
          `${data.before} runs before; unknown words are those of the validation titles.`,
      ),
      h(NightTable, { nights, linked }),
    ),
  );
}

/**
 * A mark for each night: a link to its run, with the outcome.
 * @param {{nights: readonly NightRow[], linked: Set<string>}} props
 */
const Strip = ({ nights, linked }) =>
  h(DayStrip, {
    label: "Outcome of each night",
    marks: MARKS,
    days: nights.map(({ run_id: run, outcome, day, sentence }) => ({
      key: run,
      state: outcome,
      words: `${formatDay(day)}, ${run}: ${outcome}. ${sentence}`,
      run: linked.has(run) ? run : null,
    })),
    counts: outcomes(nights),
  });

/** @param {{nights: readonly NightRow[], linked: Set<string>}} props */
function Charts({ nights, linked }) {
  const navigate = Router.useNavigate();
  /** @param {number} x */
  const onOpen = (x) => {
    const night = nights[x];
    if (night && linked.has(night.run_id)) navigate({ pathname: runTab(night.run_id), search: "" });
  };
  /** @type {[number, number]} */
  const ends = [-0.5, nights.length - 0.5];
  const shared = { xTitle: "night of", whole: true, gaps: true, sync: "nights", xText: dayAt(nights), ends, onOpen };
  const note = comparability(nights);
  /** @param {string} title @param {(night: NightRow) => number | null} value @param {number} digits */
  const small = (title, value, digits = 0) =>
    h(Chart, {
      ...shared,
      title,
      digits,
      counted: digits === 0,
      height: HEIGHT,
      series: [line(nights, title.toLowerCase(), BLUE, value)],
    });
  return h(
    Box,
    null,
    h(Chart, {
      ...shared,
      title: "Balanced accuracy, 95 % interval",
      series: [
        accuracyLine(nights, "champion", BLUE, ({ champion }) => champion),
        accuracyLine(nights, "best challenger", ORANGE, ({ challenger }) => challenger),
      ],
    }),
    note ? h(Muted, { display: "block", mt: 1 }, note) : null,
    h(
      SimpleGrid,
      { columns: { base: 1, md: 2, xl: 3 }, gap: 6, mt: 4 },
      small("Titles", ({ titles }) => titles),
      small("Bad rows", ({ bad_rows: rows }) => rows),
      small("New categories", ({ new_categories: found }) => found),
      small("Unknown words, %", unknownPercent, 2),
      small("Minutes", minutes, 1),
    ),
  );
}
