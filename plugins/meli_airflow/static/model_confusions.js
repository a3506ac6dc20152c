// The most confused pairs of categories; each unfolds into its titles with the probabilities of both categories.
import { h, UI, useAddress, useEffect, useRef, useState } from "./airflow.js";
import { count, formatDecimal, formatNumber } from "./format.js";
import { CategoryName } from "./model_categories.js";
import { EmptyState, LoadError, Loading, Muted, Note, Section } from "./parts.js";
import { apiUrl, modelApi, useServer } from "./server.js";
import { OnPhone, table } from "./table.js";

/** @typedef {import("../types/responses").ConfusedTitles} ConfusedTitles */
/** @typedef {import("../types/responses").Confusion} Confusion */
/** @typedef {import("../types/responses").Confusions} ConfusionsResponse */
/** @typedef {import("../types/responses").Model} ModelResponse */

const { Box, Button, Flex, Link, Table } = UI;
const FIRST = 10;
const STEP = 30;
const TITLES = 20;
const MOST_TITLES = 1000;

/** @param {{data: ModelResponse}} props */
export function Confusions({ data }) {
  const [params, set] = useAddress();
  const [of, show] = [params.get("category") ?? "", params.get("show")];
  const { id } = data.row;
  const query = of ? `?${new URLSearchParams({ of })}` : "";
  /** @type {import("./server.js").Loaded<ConfusionsResponse>} */
  const loaded = useServer(data.figure ? `${modelApi(id)}/confusions${query}` : "");
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  // biome-ignore lint/correctness/useExhaustiveDependencies: only another address scrolls
  useEffect(() => {
    if (of || show === "confusions") box.current?.scrollIntoView({ block: "start" });
  }, [of, show]);
  if (!data.figure) return null;
  return h(
    Box,
    { ref: box, scrollMarginTop: "16px" },
    h(
      Section,
      { title: of ? `Confusions of ${of}` : "Most confused pairs", beside: h(Suspects, { data }) },
      of
        ? h(
            Button,
            { size: "xs", variant: "outline", mb: 3, onClick: () => set({ category: "" }) },
            "← Most confused pairs of all categories",
          )
        : null,
      h(Pairs, { key: of, id, loaded, of }),
    ),
  );
}

/** @param {{id: string, of: string, loaded: import("./server.js").Loaded<ConfusionsResponse>}} props */
function Pairs({ id, of, loaded: { data, error, reload } }) {
  const [limit, setLimit] = useState(FIRST);
  const [open, setOpen] = useState("");
  if (error) return h(LoadError, { error, reload });
  if (data === undefined || data.of !== of) return h(Loading, { lines: 6 });
  const { pairs, has_titles: hasTitles, test_titles: titles } = data;
  if (pairs.length === 0) {
    return h(
      EmptyState,
      { title: "No confusion" },
      of
        ? `Of the test titles, none of ${of} went elsewhere and none came from elsewhere.`
        : "Every test title is in its category.",
    );
  }
  return h(
    Box,
    null,
    hasTitles
      ? null
      : h(Note, null, "The predictions are not stored with this evaluation, so the pairs have no titles."),
    h(
      Table.ScrollArea,
      { maxW: "100%", tabIndex: 0, role: "region", "aria-label": "The most confused pairs, which scroll" },
      h(
        Table.Root,
        { size: "sm", "aria-label": "Most confused pairs" },
        h(Heads),
        h(
          Table.Body,
          null,
          pairs.slice(0, limit).flatMap((pair) => {
            const key = `${pair.category} ${pair.predicted}`;
            const isOpen = open === key;
            const onToggle = hasTitles ? () => setOpen(isOpen ? "" : key) : undefined;
            return [
              h(PairRow, { key, pair, isOpen, onToggle }),
              isOpen ? h(Titles, { key: `${key} titles`, id, pair }) : null,
            ];
          }),
        ),
      ),
    ),
    h(
      Flex,
      { gap: 3, mt: 3, align: "center", wrap: "wrap" },
      pairs.length > limit
        ? h(
            Button,
            { size: "sm", variant: "outline", onClick: () => setLimit(limit + STEP) },
            `Show ${formatNumber(Math.min(STEP, pairs.length - limit))} more of ${count(pairs.length, "pair")}`,
          )
        : null,
      h(Muted, null, `Of ${count(titles, "test title")}.`, of ? "" : " Press a category above for all of its pairs."),
    ),
  );
}

const Heads = () =>
  h(
    Table.Header,
    null,
    h(
      Table.Row,
      null,
      h(Table.ColumnHeader, null, "Titles of"),
      h(Table.ColumnHeader, null, "put into"),
      h(Table.ColumnHeader, { textAlign: "end" }, "Titles"),
    ),
  );

/** @param {{pair: Confusion, isOpen: boolean, onToggle: (() => void) | undefined}} props */
function PairRow({ pair, isOpen, onToggle }) {
  const { category, predicted, titles, of_titles: all } = pair;
  const wrap = { whiteSpace: "normal", wordBreak: "break-word" };
  const number = [
    h(Box, { key: "titles", as: "span", fontWeight: "semibold" }, formatNumber(titles)),
    h(Muted, { key: "all" }, ` of ${formatNumber(all)}`),
  ];
  const button = {
    size: "xs",
    variant: "outline",
    "aria-expanded": isOpen,
    "aria-label": `${isOpen ? "Hide" : "Show"} the ${count(titles, "title")} of ${category} put into ${predicted}`,
    onClick: onToggle,
  };
  return h(
    Table.Row,
    null,
    h(Table.Cell, wrap, h(CategoryName, { name: category })),
    h(Table.Cell, wrap, h(CategoryName, { name: predicted })),
    h(
      Table.Cell,
      { textAlign: "end", fontVariantNumeric: "tabular-nums", whiteSpace: { base: "normal", md: "nowrap" } },
      ...number,
      onToggle ? h(Button, { ...button, ms: { base: 0, md: 3 } }, isOpen ? "Hide" : "Show") : null,
    ),
  );
}

/**
 * The titles behind a pair, those that the model was surest of first.
 * @param {{id: string, pair: Confusion}} props
 */
function Titles({ id, pair: { category, predicted } }) {
  const [limit, setLimit] = useState(TITLES);
  const query = new URLSearchParams({ category, predicted, limit: String(limit) });
  /** @type {import("./server.js").Loaded<ConfusedTitles>} */
  const { data, error, loading, reload } = useServer(`${modelApi(id)}/confusions?${query}`);
  const content = () => {
    if (error) return h(LoadError, { error, reload });
    if (data === undefined) return h(Loading, { lines: 2 });
    const more = Math.min(data.titles, MOST_TITLES) - data.shown.length;
    return [
      h(TitleTable, { key: "titles", data }),
      more > 0
        ? h(
            Button,
            { key: "more", mt: 2, size: "xs", variant: "outline", loading, onClick: () => setLimit(MOST_TITLES) },
            `Show ${formatNumber(more)} more`,
          )
        : null,
    ];
  };
  return h(
    Table.Row,
    null,
    h(Table.Cell, { colSpan: 3, whiteSpace: "normal", ps: { base: 2, md: 8 }, bg: "bg.muted" }, content()),
  );
}

/** @param {number | null} value */
const probability = (value) => formatDecimal(value, 3) || "not stored";

/** @param {{data: ConfusedTitles}} props */
const TitleTable = ({ data: { category, predicted, shown } }) =>
  table({
    label: `Titles of ${category} put into ${predicted}`,
    rows: shown,
    rowKey: (one) => one.row,
    columns: [
      {
        key: "title",
        title: "Title",
        cell: (one) => [
          one.title || h(Muted, { key: "lost" }, `row ${one.row} of the listings`),
          h(
            OnPhone,
            { key: "both" },
            `${predicted} ${probability(one.probability)}, ${category} ${probability(one.true_probability)}`,
          ),
        ],
        props: { wordBreak: "break-word" },
      },
      { key: "predicted", title: predicted, numeric: true, wide: true, cell: (one) => probability(one.probability) },
      { key: "true", title: category, numeric: true, wide: true, cell: (one) => probability(one.true_probability) },
    ],
  });

/**
 * The labels that are probably wrong, as a download.
 * @param {{data: ModelResponse}} props
 */
const Suspects = ({ data: { figures, has_suspects: hasSuspects, row } }) => {
  const number = figures?.suspect_labels;
  const text = typeof number === "number" ? count(number, "suspect label") : "suspect labels";
  return hasSuspects
    ? h(
        Link,
        {
          href: apiUrl(`${modelApi(row.id)}/suspects.csv`),
          download: "suspect_labels.csv",
          color: "fg.info",
          fontSize: "sm",
        },
        `Download ${text} (CSV)`,
      )
    : h(Muted, null, "No table of suspect labels");
};
