// Numbers, durations and dates as text. Pure functions: Node runs them too, and tests/wording_cases.json is their table
// of cases, which Python's meli_tasks/wording.py passes as well.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * Round halves up, as the table of cases does.
 * @param {number} value
 */
const round = (value) => Math.floor(value + 0.5);

/**
 * A duration in at most two units: "0.4 s", "12 s", "1 min 5 s", "1 h 2 min", "2 d 3 h".
 *
 * Rounded first and split afterwards, so 59.6 s is "1 min" and never "60 s".
 * @param {number | null | undefined} seconds empty text for null and undefined; clocks that differ make it negative
 */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const positive = Math.max(0, seconds);
  const tenths = round(positive * 10) / 10;
  if (tenths < 10) return `${tenths} s`;
  const whole = round(positive);
  if (whole < MINUTE) return `${whole} s`;
  if (whole < 10 * MINUTE) return twoUnits(whole, MINUTE, "min", "s");
  const minutes = round(positive / MINUTE);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < DAY / MINUTE) return twoUnits(minutes, 60, "h", "min");
  return twoUnits(round(positive / HOUR), 24, "d", "h");
}

/**
 * @param {number} value in the smaller unit
 * @param {number} size how many of the smaller unit make one of the larger
 * @param {string} large
 * @param {string} small
 */
function twoUnits(value, size, large, small) {
  const rest = value % size;
  const first = `${formatNumber(Math.floor(value / size))} ${large}`;
  return rest ? `${first} ${rest} ${small}` : first;
}

/**
 * A number of things with its noun: "1 step", "2 steps", "3 categories", "1,000 rows".
 * @param {number} number
 * @param {string} noun in the singular
 */
export function count(number, noun) {
  return `${formatNumber(number)} ${number === 1 ? noun : plural(noun)}`;
}

/** @param {string} noun */
function plural(noun) {
  if (/[^aeiou]y$/.test(noun)) return `${noun.slice(0, -1)}ies`;
  return /(s|x|z|(?<!epo)ch|sh)$/.test(noun) ? `${noun}es` : `${noun}s`;
}

/**
 * A number with thousands separators; empty text for null and undefined.
 * @param {number | null | undefined} value
 */
export const formatNumber = (value) =>
  value === null || value === undefined ? "" : Number(value).toLocaleString("en-US");

/**
 * A number with a fixed number of decimals; empty text for null and undefined.
 * @param {number | null | undefined} value
 */
export const formatDecimal = (value, digits = 4) =>
  value === null || value === undefined ? "" : Number(value).toFixed(digits);

/**
 * A difference with its sign, "±" for one that rounds to zero.
 * @param {number} value
 */
export function formatSigned(value, digits = 3) {
  const size = Math.abs(value).toFixed(digits);
  if (Number(size) === 0) return `±${size}`;
  return `${value > 0 ? "+" : "−"}${size}`;
}

/**
 * A file's size in decimal units, rounded up so that no file has 0 kB unless it is empty.
 * @param {number} bytes
 */
export function formatBytes(bytes) {
  const kilobytes = Math.ceil(bytes / 1e3);
  return kilobytes < 1000 ? `${kilobytes} kB` : `${formatNumber(round(bytes / 1e5) / 10)} MB`;
}

/**
 * An ensemble's members, the one with the largest weight first: "0.65 mlp, 0.35 cnn".
 * @param {Record<string, number>} members
 */
export const formatMembers = (members) =>
  Object.entries(members)
    .sort(([, one], [, other]) => other - one)
    .map(([name, weight]) => `${weight.toFixed(2)} ${name}`)
    .join(", ");

/**
 * Any value of a parameter as text.
 * @param {unknown} value
 */
export function formatValue(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (Array.isArray(value)) return value.length ? value.join(", ") : "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/**
 * A date and time such as "2026-11-21 23:44"; empty text for an empty one.
 * @param {string | null | undefined} iso
 * @param {string} [timeZone] an IANA name; the browser's own zone by default
 */
export function formatDateTime(iso, timeZone) {
  if (!iso) return "";
  const format = new Intl.DateTimeFormat("en-GB", {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZone,
  });
  const parts = Object.fromEntries(format.formatToParts(new Date(iso)).map(({ type, value }) => [type, value]));
  return `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute}`;
}

/** @param {string} text */
export const sentenceCase = (text) => text.charAt(0).toUpperCase() + text.slice(1);

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * A day such as "28 Nov 2026"; any other text stays as it is.
 * @param {string} iso a date such as 2026-11-28
 */
export function formatDay(iso) {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(iso) ?? [];
  return day ? `${Number(day)} ${MONTHS[Number(month) - 1]} ${year}` : iso;
}

/**
 * An interval: "0.834 to 0.938"; with signs if it is one of differences: "−0.004 to +0.005".
 * @param {readonly [number, number]} interval
 */
export const formatInterval = ([low, high], digits = 4, signed = false) =>
  signed
    ? `${formatSigned(low, digits)} to ${formatSigned(high, digits)}`
    : `${formatDecimal(low, digits)} to ${formatDecimal(high, digits)}`;

/**
 * Test titles in words: "the 1,049 test titles of titles.csv, 28 Nov 2026".
 * @param {{titles: number, left_out: number, folds: number, source: string, first_day: string, last_day: string}} testSet
 */
export function formatTestSet({ titles, left_out: leftOut, folds, source, first_day: first, last_day: last }) {
  const days = first === last ? formatDay(last) : `${formatDay(first)} to ${formatDay(last)}`;
  const crossValidated = folds > 1; // with 1, the test split is the only fold
  const kind = crossValidated ? "title" : "test title";
  const number = titles ? `the ${count(titles, kind)}` : `the ${kind}s`;
  const rest = leftOut ? `, without ${formatNumber(leftOut)} that a compared model was fitted on` : "";
  return `${number} of ${source}, ${days}${rest}${crossValidated ? `, cross-validated over ${folds} folds` : ""}`;
}

/**
 * Nested values by their dotted names; a list counts as one value.
 * @param {Record<string, unknown>} values
 * @returns {[string, unknown][]}
 */
export const flatten = (values, prefix = "") =>
  Object.entries(values).flatMap(([name, value]) =>
    value && typeof value === "object" && !Array.isArray(value)
      ? flatten(/** @type {Record<string, unknown>} */ (value), `${prefix}${name}.`)
      : [/** @type {[string, unknown]} */ ([prefix + name, value])],
  );
