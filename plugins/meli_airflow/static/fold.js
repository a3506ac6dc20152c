// What most readers skip, under a line that opens and closes it: the browser's own element, for keys and screen readers.
import { h, UI } from "./airflow.js";

/** @typedef {import("react").ReactNode} ReactNode */

const { Box } = UI;

/**
 * `children` are in the page when it is closed, so that a search in the page finds them.
 * @param {{label: ReactNode, children?: ReactNode, [more: string]: unknown}} props
 */
export const Fold = ({ label, children, ...more }) =>
  h(
    Box,
    { as: "details", ...more },
    h(
      Box,
      {
        as: "summary",
        cursor: "pointer",
        fontSize: "sm",
        w: "fit-content",
        py: 1,
        css: { "&:focus-visible": { outline: "2px solid var(--chakra-colors-border-info)" } },
      },
      label,
    ),
    h(Box, { mt: 3 }, children),
  );
