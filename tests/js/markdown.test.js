import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMarkdown, parseSpans } from "../../plugins/meli_airflow/static/markdown.js";

/** @param {import("../../plugins/meli_airflow/static/markdown.js").Span[]} spans */
const brief = (spans) => spans.map(({ kind, text }) => (kind === "text" ? text : [kind, text]));

test("a line has text, code, strong and emphasis, and escaped characters are text", () => {
  assert.deepEqual(brief(parseSpans("a **b\\_c** of `d*e*` and *f g*, TOY\\_CARS \\[1\\]")), [
    "a ",
    ["strong", "b_c"],
    " of ",
    ["code", "d*e*"],
    " and ",
    ["emphasis", "f g"],
    ", TOY_CARS [1]",
  ]);
  assert.deepEqual(brief(parseSpans("2 * 3 * 4 and manual__2026")), ["2 * 3 * 4 and manual__2026"]);
});

test("HTML stays text", () => {
  const text = '<img src=x onerror="alert(1)"> <b>bold</b> &amp; [a](javascript:alert(1))';
  assert.deepEqual(parseMarkdown(text), [{ kind: "paragraph", spans: [{ kind: "text", text }] }]);
});

test("front matter is left out, the rest are blocks", () => {
  const card = [
    "---\nlanguage:\n- pt\n---\n\n# Model card of cnn\n\nTwo\nlines.\n- **Set:** cnn",
    "  goes on\n- last\n\n| metric | value |\n| --- | ---: |\n| top\\|3 | 0.9 |\n",
    '```python\nload("a")\n\n# no heading\n```\n## End',
  ].join("\n");
  const blocks = parseMarkdown(card);
  assert.deepEqual(
    blocks.map(({ kind }) => kind),
    ["heading", "paragraph", "list", "table", "code", "heading"],
  );
  const [heading, paragraph, list, table, code] = blocks;
  assert.ok(heading?.kind === "heading" && paragraph?.kind === "paragraph" && list?.kind === "list");
  assert.ok(table?.kind === "table" && code?.kind === "code");
  assert.equal(heading.level, 1);
  assert.deepEqual(brief(paragraph.spans), ["Two\nlines."]);
  assert.deepEqual(list.items.map(brief), [[["strong", "Set:"], " cnn goes on"], ["last"]]);
  assert.deepEqual(
    [table.header.map(brief), table.right],
    [
      [["metric"], ["value"]],
      [false, true],
    ],
  );
  assert.deepEqual(
    table.rows.map((row) => row.map(brief)),
    [[["top|3"], ["0.9"]]],
  );
  assert.equal(code.text, 'load("a")\n\n# no heading');
});

test("what is not closed ends with the text", () => {
  assert.deepEqual(parseMarkdown("```\na"), [{ kind: "code", text: "a" }]);
  assert.deepEqual(parseMarkdown("**a"), [{ kind: "paragraph", spans: [{ kind: "text", text: "**a" }] }]);
  assert.deepEqual(parseMarkdown(""), []);
});

test("very many stars, bars and backslashes are text too", () => {
  for (const text of [
    "*".repeat(50_000),
    "**a".repeat(20_000),
    "|".repeat(50_000),
    "\\".repeat(50_001),
    "*a ".repeat(20_000),
  ]) {
    assert.ok(parseMarkdown(`${text}\n${text}`).length > 0);
  }
});
