// Markdown as a tree, for the model cards: headings, paragraphs, lists, tables, code, emphasis. HTML stays text.
// Pure: Node runs it too. Nothing here makes markup, so a card cannot inject any.

/** @typedef {{kind: "text" | "strong" | "emphasis" | "code", text: string}} Span */
/** @typedef {{kind: "heading", level: number, spans: Span[]}} HeadingBlock */
/** @typedef {{kind: "paragraph", spans: Span[]}} Paragraph */
/** @typedef {{kind: "list", items: Span[][]}} List */
/** @typedef {{kind: "code", text: string}} Code */
/** @typedef {{kind: "table", header: Span[][], right: boolean[], rows: Span[][][]}} Table */
/** @typedef {HeadingBlock | Paragraph | List | Code | Table} Block */

const FRONT_MATTER = /^---\n[\s\S]*?\n---\n/;
const FENCE = /^```/;
const HEADING = /^(#{1,6}) +(.*)$/;
const ITEM = /^[-*] +(.*)$/;
const RULE = /^\|?[ :|-]*-[ :|-]*$/;
// An escaped character, code, strong, emphasis; whatever is between them is text.
const SPAN =
  /\\([!-/:-@[-`{-~])|`([^`]+)`|\*\*((?:\\.|[^*\\])+)\*\*|\*((?:\\.|[^*\\\s])(?:(?:\\.|[^*\\])*(?:\\.|[^*\\\s]))?)\*/g;

/** @param {string} text */
const unescaped = (text) => text.replace(/\\([!-/:-@[-`{-~])/g, "$1");

/**
 * The parts of a line.
 * @param {string} text
 * @returns {Span[]}
 */
export function parseSpans(text) {
  /** @type {Span[]} */
  const spans = [];
  const add = (/** @type {Span["kind"]} */ kind, /** @type {string} */ part) => {
    const last = spans.at(-1);
    if (!part) return;
    if (kind === "text" && last?.kind === "text") last.text += part;
    else spans.push({ kind, text: part });
  };
  let end = 0;
  for (const match of text.matchAll(SPAN)) {
    const [whole, character, code, strong, emphasis] = match;
    add("text", text.slice(end, match.index));
    if (character) add("text", character);
    else if (code) add("code", code);
    else if (strong) add("strong", unescaped(strong));
    else if (emphasis) add("emphasis", unescaped(emphasis));
    end = match.index + whole.length;
  }
  add("text", text.slice(end));
  return spans;
}

/**
 * The cells of a line of a table; an escaped bar is part of a cell.
 * @param {string} line
 */
const cells = (line) =>
  line
    .trim()
    .replace(/^\||(?<!\\)\|$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());

/**
 * Blocks of a text, without its YAML front matter.
 * @param {string} text
 * @returns {Block[]}
 */
export function parseMarkdown(text) {
  const lines = text.replaceAll("\r\n", "\n").replace(FRONT_MATTER, "").split("\n");
  /** @type {Block[]} */
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    const [block, next] = blockAt(lines, at);
    if (block) blocks.push(block);
    at = next;
  }
  return blocks;
}

/**
 * The block that begins in a line, and the line after it.
 * @param {string[]} lines
 * @param {number} at
 * @returns {[Block | null, number]}
 */
function blockAt(lines, at) {
  const line = lines[at] ?? "";
  if (!line.trim()) return [null, at + 1];
  if (FENCE.test(line)) return codeAt(lines, at);
  const heading = HEADING.exec(line);
  if (heading)
    return [{ kind: "heading", level: heading[1]?.length ?? 1, spans: parseSpans(heading[2] ?? "") }, at + 1];
  if (line.includes("|") && RULE.test(lines[at + 1]?.trim() ?? "")) return tableAt(lines, at);
  return ITEM.test(line) ? listAt(lines, at) : paragraphAt(lines, at);
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @returns {[Code, number]}
 */
function codeAt(lines, at) {
  const end = lines.findIndex((line, place) => place > at && FENCE.test(line));
  const last = end < 0 ? lines.length : end;
  return [{ kind: "code", text: lines.slice(at + 1, last).join("\n") }, last + 1];
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @returns {[Table, number]}
 */
function tableAt(lines, at) {
  const right = cells(lines[at + 1] ?? "").map((rule) => rule.endsWith(":"));
  let end = at + 2;
  while (lines[end]?.includes("|")) end += 1;
  const rows = lines.slice(at + 2, end).map((line) => cells(line).map(parseSpans));
  return [{ kind: "table", header: cells(lines[at] ?? "").map(parseSpans), right, rows }, end];
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @returns {[List, number]}
 */
function listAt(lines, at) {
  /** @type {string[]} */
  const items = [];
  let end = at;
  for (; lines[end]?.trim(); end += 1) {
    const item = ITEM.exec(lines[end] ?? "");
    if (item) items.push(item[1] ?? "");
    else if (beginsAnother(lines, end)) break;
    else items[items.length - 1] += ` ${lines[end]?.trim()}`; // the item goes on
  }
  return [{ kind: "list", items: items.map(parseSpans) }, end];
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @returns {[Paragraph, number]}
 */
function paragraphAt(lines, at) {
  let end = at + 1;
  while (lines[end]?.trim() && !ITEM.test(lines[end] ?? "") && !beginsAnother(lines, end)) end += 1;
  return [{ kind: "paragraph", spans: parseSpans(lines.slice(at, end).join("\n")) }, end];
}

/**
 * Whether a line ends the paragraph or the list before it.
 * @param {string[]} lines
 * @param {number} at
 */
const beginsAnother = (lines, at) => FENCE.test(lines[at] ?? "") || HEADING.test(lines[at] ?? "");
