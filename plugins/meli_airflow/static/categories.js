// What each category gains and loses between two models.
import { h, number, share, signed, UI, useState } from "./base.js";
import { Muted, Rows, Section } from "./parts.js";

const { Box, Button, Flex, Heading, Input, SimpleGrid } = UI;
const TOP = 10;

/** A difference as a bar to the left or right of the middle. */
function Bar({ value, most }) {
  const half = 40;
  const length = most ? (Math.abs(value) / most) * half : 0;
  return h(
    "svg",
    { width: 2 * half, height: 12, "aria-hidden": true },
    h("line", { x1: half, x2: half, y1: 0, y2: 12, stroke: "var(--chakra-colors-border-emphasized)" }),
    h("rect", {
      x: value < 0 ? half - length : half,
      y: 2,
      width: length,
      height: 8,
      rx: 2,
      fill: `var(--chakra-colors-${value < 0 ? "red" : "green"}-solid)`,
    }),
  );
}

/** A long name that may break after its underscores. */
const Breakable = ({ name }) =>
  h(
    "span",
    null,
    name.split(/(?<=_)/).map((part, place) => [part, h("wbr", { key: place })]),
  );

export function Categories({ data: { left, right, categories, same_titles: same } }) {
  const [all, setAll] = useState(false);
  const [text, setText] = useState("");
  if (categories.length === 0) return null;
  const compared = categories.filter((row) => row.difference !== null);
  const most = Math.max(...compared.map((row) => Math.abs(row.difference)), 0);
  const columns = [
    { key: "category", title: "Category", cell: (row) => h(Breakable, { name: row.category }) },
    {
      key: "titles",
      title: "Titles",
      numeric: true,
      cell: (row) =>
        same || row.left_titles === row.right_titles
          ? number(row.left_titles || row.right_titles)
          : `${number(row.left_titles)} / ${number(row.right_titles)}`,
    },
    { key: "left", title: left.set, numeric: true, cell: (row) => share(row.left, 3) || "–" },
    { key: "right", title: right.set, numeric: true, cell: (row) => share(row.right, 3) || "–" },
    {
      key: "difference",
      title: "Difference",
      numeric: true,
      cell: (row) => (row.difference === null ? "–" : signed(row.difference)),
    },
    {
      key: "bar",
      title: "",
      cell: (row) => (row.difference === null ? null : h(Bar, { value: row.difference, most })),
    },
  ];
  const table = (rows, label) => h(Rows, { columns, rows, rowKey: (row) => row.category, label });
  const gains = compared.filter((row) => row.difference > 0);
  const losses = compared.filter((row) => row.difference < 0).reverse();
  const words = `${gains.length} gained, ${losses.length} lost, ${compared.length - gains.length - losses.length} the same`;
  const found = categories.filter((row) => row.category.toLowerCase().includes(text.toLowerCase()));
  return h(
    Section,
    {
      title: "Recall by category",
      beside: h(
        Flex,
        { gap: 3, align: "center", wrap: "wrap" },
        h(Muted, null, words),
        h(
          Button,
          { size: "xs", variant: "outline", onClick: () => setAll(!all) },
          all ? "Top gains and losses" : `All ${number(categories.length)}`,
        ),
      ),
    },
    all
      ? h(
          Box,
          null,
          h(Input, {
            size: "sm",
            w: "260px",
            mb: 2,
            placeholder: "Category",
            "aria-label": "Filter categories",
            value: text,
            onChange: (event) => setText(event.target.value),
          }),
          table(found, "All categories"),
        )
      : h(
          SimpleGrid,
          { columns: { base: 1, xl: 2 }, gap: 6 },
          h(
            Box,
            { minW: 0 },
            h(Heading, { as: "h3", size: "sm", mb: 2 }, `Top gains of ${right.set}`),
            gains.length
              ? table(gains.slice(0, TOP), "Top gains")
              : h(Muted, null, "No category is better on the right."),
          ),
          h(
            Box,
            { minW: 0 },
            h(Heading, { as: "h3", size: "sm", mb: 2 }, `Top losses of ${right.set}`),
            losses.length
              ? table(losses.slice(0, TOP), "Top losses")
              : h(Muted, null, "No category is worse on the right."),
          ),
        ),
  );
}
