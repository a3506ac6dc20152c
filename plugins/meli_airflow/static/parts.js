// Small parts in Airflow's own style, made of its components.
import { h, Router, UI } from "./base.js";

const { Alert, Badge, Box, Button, Flex, Heading, Link, Skeleton, Stack, Table, Text } = UI;

/** A link to another page of Airflow. */
export const To = ({ to, children, ...more }) =>
  h(Link, { asChild: true, color: "fg.info", ...more }, h(Router.Link, { to }, children));

/** A link out of Airflow. */
export const Out = ({ href, children }) =>
  h(Link, { href, color: "fg.info", target: "_blank", rel: "noopener noreferrer" }, children, " ↗");

export const Muted = ({ children, ...more }) =>
  h(Text, { as: "span", color: "fg.muted", fontSize: "sm", ...more }, children);

export const Section = ({ title, beside, children, ...more }) =>
  h(
    Box,
    { as: "section", mb: 8, ...more },
    h(
      Flex,
      { align: "center", justify: "space-between", wrap: "wrap", gap: 2, mb: 3 },
      h(Heading, { as: "h2", size: "md" }, title),
      beside,
    ),
    children,
  );

export const Panel = ({ children, ...more }) =>
  h(Box, { borderWidth: 1, borderColor: "border.emphasized", borderRadius: "md", p: 4, ...more }, children);

/** A labelled figure. */
export const Figure = ({ label, children, ...more }) =>
  h(
    Box,
    { minW: 0, ...more },
    h(Text, { color: "fg.muted", fontSize: "xs", fontWeight: "bold", mb: 1 }, label),
    h(Box, { fontSize: "sm", wordBreak: "break-word" }, children),
  );

export const Loading = ({ lines = 4 }) =>
  h(
    Stack,
    { gap: 3, "aria-busy": true, "aria-label": "Loading", role: "status" },
    Array.from({ length: lines }, (_, line) => h(Skeleton, { key: line, height: "24px" })),
  );

/** Says that there is nothing, and what would change that. */
export const Nothing = ({ title, children }) =>
  h(
    Panel,
    { textAlign: "center", py: 10 },
    h(Heading, { as: "h3", size: "sm", mb: 2 }, title),
    h(Box, { color: "fg.muted", fontSize: "sm" }, children),
  );

export const Note = ({ status = "info", title, children, ...more }) =>
  h(
    Alert.Root,
    { status, mb: 4, ...more },
    h(Alert.Indicator),
    h(
      Alert.Content,
      null,
      title ? h(Alert.Title, null, title) : null,
      h(Alert.Description, { whiteSpace: "pre-wrap", wordBreak: "break-word" }, children),
    ),
  );

const ADVICE = {
  401: ["You are signed out", "Sign in again, then reload this page."],
  403: ["You may not see this", "Ask an administrator for the right to read the DAG meli_training."],
};

/** Why there is no answer, and what to do. */
export function Failure({ error, again }) {
  const [title, advice] = ADVICE[error.status] ?? ["This could not be read", ""];
  return h(
    Note,
    { status: "error", title },
    error.message,
    advice ? `\n${advice}` : null,
    again ? h(Box, { mt: 2 }, h(Button, { onClick: again, size: "xs", variant: "outline" }, "Try again")) : null,
  );
}

const COLOURS = {
  champion: "success",
  measured: "gray",
  computed: "success",
  "already there": "info",
  running: "running",
  failed: "failed",
  "to compute": "queued",
  "not measured": "queued",
  promote: "success",
  keep: "gray",
  rollback: "warning",
  done: "success",
  waiting: "queued",
};

export const State = ({ of, children }) =>
  h(
    Badge,
    { colorPalette: COLOURS[of] ?? "gray", variant: "solid", borderRadius: "full", px: 2, whiteSpace: "nowrap" },
    children ?? of,
  );

/** Airflow's sign beside a column that sorts. */
const Arrows = ({ direction }) =>
  h(
    "svg",
    { width: 8, height: 12, viewBox: "0 0 8 12", fill: "currentColor", "aria-hidden": true },
    h("path", { d: "M4 0 8 5H0z", opacity: direction === "down" ? 0.25 : 1 }),
    h("path", { d: "M4 12 0 7h8z", opacity: direction === "up" ? 0.25 : 1 }),
  );

/**
 * A table in Airflow's style. `columns`: {key, title, cell(row), sort, numeric}. `sorted` is [key, "up" or "down"];
 * `onSort(key)` makes the headers of columns with `sort` buttons.
 */
export function Rows({ columns, rows, rowKey, sorted = [], onSort, label, rowProps = () => ({}), size = "sm" }) {
  const head = (column) => {
    const [key, direction] = sorted;
    const active = key === column.key;
    const sort = active
      ? direction === "up"
        ? "ascending"
        : "descending"
      : column.sort && onSort
        ? "none"
        : undefined;
    const title =
      column.sort && onSort
        ? h(
            Button,
            {
              variant: "plain",
              size: "xs",
              px: 0,
              h: "auto",
              minW: 0,
              fontSize: "sm",
              fontWeight: "semibold",
              onClick: () => onSort(column.key),
              title: `Sort by ${column.title}`,
            },
            column.title,
            h(Arrows, { direction: active ? direction : "" }),
          )
        : column.title;
    return h(
      Table.ColumnHeader,
      { key: column.key, "aria-sort": sort, textAlign: column.numeric ? "end" : "start", whiteSpace: "nowrap" },
      title,
    );
  };
  return h(
    Table.ScrollArea,
    { maxW: "100%" },
    h(
      Table.Root,
      { size, striped: true, "aria-label": label },
      h(Table.Header, null, h(Table.Row, null, columns.map(head))),
      h(
        Table.Body,
        null,
        rows.map((row, position) =>
          h(
            Table.Row,
            { key: rowKey(row, position), ...rowProps(row) },
            columns.map((column) =>
              h(
                Table.Cell,
                {
                  key: column.key,
                  textAlign: column.numeric ? "end" : "start",
                  fontVariantNumeric: "tabular-nums",
                  whiteSpace: "normal",
                  ...column.props,
                },
                column.cell(row, position),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

/** Rows by a column's `sort` value; empty values last, whichever way. */
export function inOrder(rows, columns, [key, direction]) {
  const column = columns.find((one) => one.key === key);
  if (!column?.sort) return rows;
  const sign = direction === "up" ? 1 : -1;
  const empty = (value) => value === null || value === undefined || value === "";
  return [...rows].sort((one, other) => {
    const [a, b] = [column.sort(one), column.sort(other)];
    if (empty(a) || empty(b)) return Number(empty(a)) - Number(empty(b));
    return sign * (typeof a === "string" ? a.localeCompare(b) : a - b);
  });
}

/** The frame of a page of its own; a tab has Airflow's around it. */
export const Page = ({ title, beside, children }) =>
  h(
    Box,
    { p: { base: 2, md: 4 }, maxW: "1600px", "data-testid": "meli-page" },
    h(
      Flex,
      { justify: "space-between", align: "center", wrap: "wrap", gap: 2, mb: 4 },
      h(Heading, { as: "h1", size: "xl" }, title),
      beside,
    ),
    children,
  );
