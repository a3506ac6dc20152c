// A model card, which is Markdown, as headings, tables and lists of Airflow's page.
import { h, UI } from "./airflow.js";
import { CopyButton } from "./copying.js";
import { parseMarkdown } from "./markdown.js";
import { EmptyState, Section } from "./parts.js";

/** @typedef {import("./markdown.js").Block} Block */
/** @typedef {import("./markdown.js").Span} Span */
/** @typedef {import("./markdown.js").Table} TableBlock */

const { Box, Heading, Table, Text } = UI;

/** @param {{card: string, model: string}} props the card in Markdown, empty if there is none, and the model's key */
export const ModelCard = ({ card, model }) =>
  h(
    Section,
    { title: "Model card", beside: card ? h(CopyButton, { text: card, label: "Copy the card as Markdown" }) : null },
    card
      ? h(
          Box,
          { as: "details", "data-testid": "model-card" },
          h(Box, { as: "summary", cursor: "pointer", color: "fg.info", fontSize: "sm" }, "Show the card"),
          h(Box, { maxW: "900px", mt: 3 }, h(Markdown, { text: card })),
        )
      : h(
          EmptyState,
          { title: "No card" },
          `A promotion writes the card of its model. For any evaluated model, so does: meli card ${model}`,
        ),
  );

/**
 * A text in Markdown. It becomes React's nodes: what looks like HTML in it stays text.
 * @param {{text: string}} props
 */
export const Markdown = ({ text }) => h(Box, { fontSize: "sm" }, ...parseMarkdown(text).map(blockNode));

/** @type {Record<Span["kind"], Record<string, unknown>>} */
const STYLES = {
  text: {},
  strong: { fontWeight: "semibold" },
  emphasis: { fontStyle: "italic" },
  code: { fontFamily: "mono", fontSize: "xs", bg: "bg.muted", px: 1, borderRadius: "sm" },
};
/** @type {Record<Span["kind"], string>} */
const ELEMENTS = { text: "span", strong: "strong", emphasis: "em", code: "code" };

/** @param {Span[]} spans */
const nodes = (spans) =>
  spans.map(({ kind, text }, key) =>
    kind === "text" ? text : h(Box, { key, as: ELEMENTS[kind], ...STYLES[kind] }, text),
  );

/** @param {Block} block @param {number} key */
function blockNode(block, key) {
  if (block.kind === "heading") {
    // The page has a title and the card's section as well, so the card's headings begin at the third level.
    const level = Math.min(6, block.level + 2);
    return h(
      Heading,
      { key, as: `h${level}`, size: level === 3 ? "md" : "sm", mt: key ? 5 : 0, mb: 2 },
      ...nodes(block.spans),
    );
  }
  if (block.kind === "list") {
    const items = block.items.map((item, place) =>
      h(Box, { key: place, as: "li", wordBreak: "break-word" }, ...nodes(item)),
    );
    return h(Box, { key, as: "ul", ps: 5, mb: 3, listStyleType: "disc" }, ...items);
  }
  if (block.kind === "code") {
    const style = { fontFamily: "mono", fontSize: "xs", p: 3, mb: 3, bg: "bg.muted", whiteSpace: "pre-wrap" };
    return h(Box, { key, as: "pre", ...style, wordBreak: "break-all", borderRadius: "md" }, block.text);
  }
  if (block.kind === "table") return h(CardTable, { key, block });
  return h(Text, { key, mb: 3, wordBreak: "break-word" }, ...nodes(block.spans));
}

/** @param {{block: TableBlock}} props */
const CardTable = ({ block: { header, right, rows } }) =>
  h(
    Table.ScrollArea,
    { maxW: "100%", mb: 3, tabIndex: 0, role: "region", "aria-label": "A table of the model card, which scrolls" },
    h(
      Table.Root,
      { size: "sm", w: "auto", "aria-label": header.map((cell) => cell.map(({ text }) => text).join("")).join(", ") },
      h(
        Table.Header,
        null,
        h(
          Table.Row,
          null,
          ...header.map((cell, key) =>
            h(Table.ColumnHeader, { key, textAlign: right[key] ? "end" : "start" }, ...nodes(cell)),
          ),
        ),
      ),
      h(
        Table.Body,
        null,
        ...rows.map((row, place) =>
          h(
            Table.Row,
            { key: place },
            ...row.map((cell, key) =>
              h(
                Table.Cell,
                { key, textAlign: right[key] ? "end" : "start", whiteSpace: "normal", wordBreak: "break-word" },
                ...nodes(cell),
              ),
            ),
          ),
        ),
      ),
    ),
  );
