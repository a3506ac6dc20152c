// Keeps an error inside the page, the tab or the part where it happens. Without a boundary, React removes the whole of
// Airflow's page. What React does not catch (an error in a handler, a promise that nobody waits for) is displayed too.
import { globals, h, UI, useEffect, useState } from "./airflow.js";
import { Loading, Note, Tab } from "./parts.js";

/** @typedef {import("react").ReactNode} ReactNode */
/** @typedef {{children?: ReactNode, part?: string}} Props */
/** @typedef {{error: Error | null}} State */

const { Component } = globals.React;
const { Button } = UI;
/** Where our modules are: other scripts' errors are not ours to report. */
const OURS = new URL(".", import.meta.url).href;

/** @extends {Component<Props, State>} */
class Boundary extends Component {
  /**
   * @override
   * @type {State}
   */
  state = { error: null };

  /** @param {Error} error */
  static getDerivedStateFromError(error) {
    return { error };
  }

  /** @override */
  render() {
    const { error } = this.state;
    const { part, children } = this.props;
    if (!error) return children;
    const again = h(
      Button,
      { onClick: () => this.setState({ error: null }), size: "xs", variant: "outline" },
      "Try again",
    );
    const reported = `The browser reports: ${messageOf(error)} `;
    if (part) {
      const title = `${part} cannot be displayed`;
      return h(Note, { status: "error", title }, `The rest of this page is not affected. ${reported}`, again);
    }
    return h(
      Tab,
      { "data-testid": "meli-broken" },
      h(
        Note,
        { status: "error", title: "This page cannot be displayed" },
        `The rest of Airflow is not affected. ${reported}`,
        again,
      ),
    );
  }
}

/** @param {unknown} error anything can be thrown */
const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/**
 * A part of a page inside a boundary of its own: a fault in it leaves the other parts.
 * @param {{title: string, children?: ReactNode}} props
 */
export const Part = ({ title, children }) => h(Boundary, { part: title }, children);

/**
 * Displays errors of our modules that happen outside rendering, above the page, which stays.
 * @param {{children?: ReactNode}} props
 */
function LateErrors({ children }) {
  const [late, setLate] = useState("");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the handler is the same each time
  useEffect(() => {
    const onLate = (/** @type {Event} */ event) => {
      const error = "reason" in event ? event.reason : "error" in event ? event.error : null;
      if (error instanceof Error && error.stack?.includes(OURS)) setLate(error.message || error.name);
    };
    globalThis.addEventListener("error", onLate);
    globalThis.addEventListener("unhandledrejection", onLate);
    return () => {
      globalThis.removeEventListener("error", onLate);
      globalThis.removeEventListener("unhandledrejection", onLate);
    };
  }, []);
  return [
    late
      ? h(
          Note,
          { key: "late", status: "error", title: "Something on this page did not work" },
          `The browser reports: ${late} `,
          h(Button, { onClick: () => setLate(""), size: "xs", variant: "outline" }, "Close"),
        )
      : null,
    h("div", { key: "page" }, children),
  ];
}

/**
 * A page inside a boundary of its own.
 * @template {object} P
 * @param {import("react").FunctionComponent<P>} page
 * @returns {import("react").FunctionComponent<P>}
 */
export const guarded = (page) => (props) => h(Boundary, null, h(LateErrors, null, h(page, props)));

/**
 * @template {object} P
 * @param {{load: () => Promise<import("react").FunctionComponent<P>>, of: P}} props `of`: the page's own
 */
function Loaded({ load, of }) {
  const [{ page, problem }, setResult] = useState(
    /** @type {{page?: import("react").FunctionComponent<P>, problem?: string}} */ ({}),
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is loaded a single time
  useEffect(() => {
    load().then(
      (found) => setResult({ page: found }),
      (error) => setResult({ problem: messageOf(error) }),
    );
  }, []);
  if (page) return h(page, of);
  if (!problem) return h(Tab, null, h(Loading, { lines: 8 }));
  return h(
    Tab,
    { "data-testid": "meli-broken" },
    h(
      Note,
      { status: "error", title: "This page could not be loaded" },
      `The rest of Airflow is not affected. Reload the page to try again. The browser reports: ${problem}`,
    ),
  );
}

/**
 * A page whose modules are loaded when it is displayed: if one of them cannot be, the other pages still work.
 * @template {object} P
 * @param {() => Promise<import("react").FunctionComponent<P>>} load
 * @returns {import("react").FunctionComponent<P>}
 */
export const loaded = (load) => (props) => {
  /** @type {import("react").FunctionComponent<{load: typeof load, of: typeof props}>} */
  const page = Loaded;
  return h(page, { load, of: props });
};
