// The order of a table's rows. Pure functions: Node runs them too.

/** @typedef {"up" | "down"} Direction */
/** @typedef {[key: string, direction: Direction]} Order */
/** @typedef {string | number | boolean | null | undefined} SortValue */

/** @param {SortValue} value */
const isEmpty = (value) => value === null || value === undefined || value === "" || Number.isNaN(value);

/**
 * The rows ordered by a column's `sort` value, equal ones in their old order. Rows without a value come last in both
 * directions. A column that does not exist or cannot be sorted leaves the rows as they are.
 * @template Row
 * @param {readonly Row[]} rows
 * @param {readonly {key: string, sort?: ((row: Row) => SortValue) | undefined}[]} columns
 * @param {Order} order
 * @returns {readonly Row[]}
 */
export function sortRows(rows, columns, [key, direction]) {
  const sort = columns.find((column) => column.key === key)?.sort;
  if (!sort) return rows;
  const sign = direction === "up" ? 1 : -1;
  return [...rows].sort((one, other) => {
    const [a, b] = [sort(one), sort(other)];
    if (isEmpty(a) || isEmpty(b)) return Number(isEmpty(a)) - Number(isEmpty(b));
    return sign * (typeof a === "string" ? a.localeCompare(String(b)) : Number(a) - Number(b));
  });
}

/**
 * The order after a click on a column's header: first descending, then the other way.
 * @param {Order} order
 * @param {string} key
 * @returns {Order}
 */
export const nextOrder = ([current, direction], key) => [key, current === key && direction === "down" ? "up" : "down"];

/**
 * The order written in an address, e.g. "at.down"; `fallback` if the text is none.
 * @param {string | null} text
 * @param {Order} fallback
 * @returns {Order}
 */
export function parseOrder(text, fallback) {
  const [key, direction] = (text ?? "").split(".");
  return key && (direction === "up" || direction === "down") ? [key, direction] : fallback;
}
