// Small components in Airflow's own style, made of its components.
import { h, Router, UI } from "./airflow.js";
import { count, formatNumber } from "./format.js";
import { arriveAt, useTitle } from "./frame.js";

/** @typedef {import("react").ReactNode} ReactNode */
/** @typedef {Record<string, unknown>} Props further props of a Chakra component */
/** @typedef {import("./server.js").RequestError} RequestError */

const { Alert, Badge, Box, Button, Flex, Heading, Link, Skeleton, Stack, Text } = UI;

/**
 * A link to another page of Airflow.
 * @param {{to: string, children?: ReactNode, [more: string]: unknown}} props
 */
export const AppLink = ({ to, children, ...more }) =>
  h(Link, { asChild: true, color: "fg.info", ...more }, h(Router.Link, { to }, children));

/**
 * A link out of Airflow.
 * @param {{href: string, children?: ReactNode}} props
 */
export const ExternalLink = ({ href, children }) =>
  h(Link, { href, color: "fg.info", target: "_blank", rel: "noopener noreferrer" }, children, " ↗");

/** @param {{children?: ReactNode, [more: string]: unknown}} props */
export const Muted = ({ children, ...more }) =>
  h(Text, { as: "span", color: "fg.muted", fontSize: "sm", ...more }, children);

/**
 * A titled part of a page; `beside` is at the right end of its title.
 * @param {{title: string, beside?: ReactNode, children?: ReactNode}} props
 */
export const Section = ({ title, beside, children }) =>
  h(
    Box,
    { as: "section", mb: 8 },
    h(
      Flex,
      { align: "center", justify: "space-between", wrap: "wrap", gap: 2, mb: 3 },
      h(Heading, { as: "h2", size: "md" }, title),
      beside,
    ),
    children,
  );

/** @param {{children?: ReactNode, [more: string]: unknown}} props */
export const Panel = ({ children, ...more }) =>
  h(Box, { borderWidth: 1, borderColor: "border.emphasized", borderRadius: "md", p: 4, ...more }, children);

/**
 * A value under its label.
 * @param {{label: string, children?: ReactNode}} props
 */
export const LabeledValue = ({ label, children }) =>
  h(
    Box,
    { minW: 0 },
    h(Text, { color: "fg.muted", fontSize: "xs", fontWeight: "bold", mb: 1 }, label),
    h(Box, { fontSize: "sm", wordBreak: "break-word" }, children),
  );

/** @param {{lines?: number}} props */
export const Loading = ({ lines = 4 }) =>
  h(
    Stack,
    { gap: 3, "aria-busy": true, "aria-label": "Loading", role: "status" },
    Array.from({ length: lines }, (_, line) => h(Skeleton, { key: line, height: "24px" })),
  );

/**
 * Says that there is nothing to show, and what would change that.
 * @param {{title: string, children?: ReactNode}} props
 */
export const EmptyState = ({ title, children }) =>
  h(
    Panel,
    { textAlign: "center", py: 10 },
    h(Heading, { as: "h3", size: "sm", mb: 2 }, title),
    h(Box, { color: "fg.muted", fontSize: "sm" }, children),
  );

/** @param {{status?: "info" | "success" | "warning" | "error", title?: string, children?: ReactNode}} props */
export const Note = ({ status = "info", title, children }) =>
  h(
    Alert.Root,
    { status, mb: 4 },
    h(Alert.Indicator),
    h(
      Alert.Content,
      null,
      title ? h(Alert.Title, null, title) : null,
      h(Alert.Description, { whiteSpace: "pre-wrap", wordBreak: "break-word" }, children),
    ),
  );

/**
 * What of the store cannot be read: a later version wrote it, or it was cut short.
 * @param {{skipped: import("../types/responses").SkippedObjects}} props
 */
export const SkippedNote = ({ skipped: { count: number, first } }) =>
  number === 0
    ? null
    : h(
        Note,
        {
          status: "warning",
          title: `${count(number, "stored object")} cannot be read and ${number === 1 ? "is" : "are"} left out`,
        },
        first.map(({ name, reason }) => `${name}: ${reason}`).join("\n"),
        number > first.length ? `\nand ${formatNumber(number - first.length)} more` : "",
        "\nUpgrade meli-tasks if a later version wrote them. Otherwise restore them from a backup.",
      );

/** @type {Record<number, [title: string, advice: string]>} */
const ADVICE = {
  401: ["You are signed out", "Sign in again, then reload this page."],
  403: ["You do not have permission to see this", "Ask an administrator for permission to read the DAG meli_training."],
};

/**
 * Why a request failed, and what to do.
 * @param {{error: RequestError, reload: () => void}} props
 */
export function LoadError({ error, reload }) {
  const [title, advice] = ADVICE[error.status] ?? ["Could not load this", ""];
  return h(
    Note,
    { status: "error", title },
    error.message,
    advice ? `\n${advice}` : null,
    h(Box, { mt: 2 }, h(Button, { onClick: reload, size: "xs", variant: "outline" }, "Try again")),
  );
}

/** @type {Record<string, string>} */
const PALETTES = {
  champion: "success",
  evaluated: "gray",
  computed: "success",
  "already there": "info",
  reused: "info",
  "nothing new": "gray",
  warning: "warning",
  running: "running",
  failed: "failed",
  queued: "queued",
  "to compute": "queued",
  "not evaluated": "queued",
  "not run": "queued",
  promote: "success",
  keep: "gray",
  rollback: "gray",
  done: "success",
  waiting: "queued",
};

/**
 * A state as a badge in the colour that Airflow gives it; `children` replace its text.
 * @param {{of: string, children?: ReactNode}} props
 */
export const StateBadge = ({ of, children }) =>
  h(
    Badge,
    { colorPalette: PALETTES[of] ?? "gray", variant: "solid", borderRadius: "full", px: 2, whiteSpace: "nowrap" },
    children ?? of,
  );

/**
 * How much is done, between 0 and 1, as a thin bar.
 * @param {{label: string, done: number, color?: string, [more: string]: unknown}} props
 */
export const ProgressBar = ({ label, done, color = "success.solid", ...more }) =>
  h(
    Box,
    {
      h: "6px",
      borderRadius: "full",
      bg: "bg.emphasized",
      overflow: "hidden",
      role: "progressbar",
      "aria-valuenow": Math.round(done * 100),
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "aria-label": label,
      ...more,
    },
    h(Box, { h: "100%", w: `${Math.min(100, done * 100)}%`, bg: color, transition: "width 0.5s" }),
  );

/**
 * A page of its own; a tab has Airflow's header around it. Its title also names the window,
 * unless `windowTitle` says more.
 * @param {{title: string, windowTitle?: string, beside?: ReactNode, children?: ReactNode}} props
 */
export function Page({ title, windowTitle = title, beside, children }) {
  useTitle(windowTitle);
  return h(
    Box,
    { p: { base: 2, md: 4 }, maxW: "1600px", "data-testid": "meli-page" },
    h(
      Flex,
      { justify: "space-between", align: "center", wrap: "wrap", gap: 2, mb: 4 },
      h(Heading, { as: "h1", size: "xl", tabIndex: -1, ref: arriveAt }, title),
      beside,
    ),
    children,
  );
}

/**
 * The frame of a tab.
 * @param {{children?: ReactNode, [more: string]: unknown}} props
 */
export const Tab = ({ children, ...more }) => h(Box, { p: 4, maxW: "1600px", ...more }, children);
