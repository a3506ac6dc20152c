// Tables in Airflow's style: sortable columns, parts under headings, and what a phone displays of them.
import { h, UI } from "./airflow.js";

/** @typedef {import("react").ReactNode} ReactNode */
/** @typedef {Record<string, unknown>} Props further props of a Chakra component */
/** @typedef {import("./sorting.js").Order} Order */

const { Box, Button, Table } = UI;

/**
 * Airflow's symbol beside a column that can be sorted.
 * @param {{direction: "up" | "down" | ""}} props
 */
const SortArrows = ({ direction }) =>
  h(
    "svg",
    { width: 8, height: 12, viewBox: "0 0 8 12", fill: "currentColor", "aria-hidden": true },
    h("path", { d: "M4 0 8 5H0z", opacity: direction === "down" ? 0.25 : 1 }),
    h("path", { d: "M4 12 0 7h8z", opacity: direction === "up" ? 0.25 : 1 }),
  );

/**
 * A column of a table. One with `sort` can be sorted by; `props` are for its cells.
 * @template Row
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {(row: Row, position: number) => ReactNode} cell
 * @property {(row: Row) => import("./sorting.js").SortValue} [sort]
 * @property {boolean} [numeric] aligned to the right
 * @property {boolean} [wide] hidden on a phone, where only the columns that matter most fit
 * @property {Props} [props]
 */

/** What only a window wider than a phone displays. */
const WIDE = { base: "none", md: "table-cell" };

/**
 * What stands in the columns that a phone does not display.
 * @param {{children?: ReactNode}} props
 */
export const OnPhone = ({ children }) =>
  h(Box, { display: { base: "block", md: "none" }, color: "fg.muted", fontSize: "xs" }, children);

/** On a phone a header may break, so that it does not take the room of a name. */
const HEADER_SPACE = { base: "normal", md: "nowrap" };

/**
 * A part of a table under a heading of its own.
 * @template Row
 * @typedef {{key: string, heading: ReactNode, rows: readonly Row[], foot?: ReactNode}} Group
 */

/**
 * A column's header, a button if the column can be sorted by.
 * @template Row
 * @param {Column<Row>} column
 * @param {Order | undefined} order
 * @param {((key: string) => void) | undefined} onSort
 */
function header(column, order, onSort) {
  const direction = order && order[0] === column.key ? order[1] : "";
  const sortable = column.sort && onSort;
  const sort = { up: "ascending", down: "descending", "": sortable ? "none" : undefined }[direction];
  const button = {
    variant: "plain",
    size: "xs",
    px: 0,
    h: "auto",
    minW: 0,
    fontSize: "sm",
    fontWeight: "semibold",
    textAlign: "start",
    whiteSpace: HEADER_SPACE,
    onClick: () => onSort?.(column.key),
    title: `Sort by ${column.title}`,
  };
  return h(
    Table.ColumnHeader,
    {
      key: column.key,
      "aria-sort": sort,
      textAlign: column.numeric ? "end" : "start",
      whiteSpace: HEADER_SPACE,
      ...(column.wide ? { display: WIDE } : {}),
    },
    sortable ? h(Button, button, column.title, h(SortArrows, { direction })) : column.title,
  );
}

/**
 * A table in Airflow's style; `onSort` makes the headers of columns with `sort` buttons.
 *
 * It is called as a function, `table({...})`, since createElement would lose the type of its rows.
 * @template Row
 * @param {object} options
 * @param {Column<Row>[]} options.columns
 * @param {readonly Row[]} [options.rows]
 * @param {readonly Group<Row>[]} [options.groups] instead of rows: parts under headings
 * @param {(row: Row) => string | number} options.rowKey
 * @param {string} options.label the table's name for screen readers
 * @param {Order} [options.order] what the rows are sorted by
 * @param {(key: string) => void} [options.onSort]
 */
export function table({ columns, rows = [], groups, rowKey, label, order, onSort }) {
  /** @param {Row} row @param {number} position @param {string} [part] a row may be in several groups */
  const line = (row, position, part = "") =>
    h(
      Table.Row,
      { key: part + rowKey(row) },
      columns.map(({ key, numeric, wide, props, cell }) =>
        h(
          Table.Cell,
          {
            key,
            textAlign: numeric ? "end" : "start",
            fontVariantNumeric: "tabular-nums",
            whiteSpace: "normal",
            ...(wide ? { display: WIDE } : {}),
            ...props,
          },
          cell(row, position),
        ),
      ),
    );
  return h(
    Table.ScrollArea,
    { maxW: "100%", tabIndex: 0, role: "region", "aria-label": `${label}, which scrolls` }, // also by the keyboard
    h(
      Table.Root,
      { size: "sm", striped: true, "aria-label": label },
      h(Table.Header, null, h(Table.Row, null, ...columns.map((column) => header(column, order, onSort)))),
      h(
        Table.Body,
        null,
        groups
          ? groups.flatMap((group) => [
              h(
                Table.Row,
                { key: `group ${group.key}` },
                h(
                  Table.Cell,
                  { colSpan: columns.length, whiteSpace: "normal", bg: "bg", pt: 4, fontWeight: "semibold" },
                  group.heading,
                ),
              ),
              ...group.rows.map((row, position) => line(row, position, `${group.key} `)),
              group.foot
                ? h(
                    Table.Row,
                    { key: `foot ${group.key}` },
                    h(Table.Cell, { colSpan: columns.length, whiteSpace: "normal" }, group.foot),
                  )
                : null,
            ])
          : rows.map((row, position) => line(row, position)),
      ),
    ),
  );
}
