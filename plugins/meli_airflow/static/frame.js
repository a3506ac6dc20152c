// The frame around each of our pages and tabs: a link that skips Airflow's navigation, the window's title, the focus.
import { encodeRunId, h, Router, UI, useEffect } from "./airflow.js";

/** @typedef {{dagId?: string, runId?: string, taskId?: string}} PageProps what Airflow says about where a page is */

const CONTENT = "meli-content";
const STYLE = `
/* Airflow draws its own icons white on the selected entry of the navigation. An image needs a rule for that. */
a.chakra-button[aria-current="page"] img[src*="meli/static/"] { filter: brightness(0) invert(1); }
#meli-skip {
  position: fixed; top: 0; inset-inline-start: 0; z-index: 2000; padding: 0.5rem 1rem; transform: translateY(-120%);
  background: var(--chakra-colors-bg); color: var(--chakra-colors-fg);
}
#meli-skip:focus { transform: none; }
#meli-skip:focus-visible, [data-meli] :is(a, button, input, select, textarea, summary, [tabindex]):not(h1, [data-focus-kept]):focus-visible,
[data-meli] input:focus-visible + *, [data-meli] input[type="date"]:is(:focus, :focus-within) {
  outline: 2px solid var(--chakra-colors-fg-info); outline-offset: 2px;
}
[data-meli][tabindex], [data-meli] :is(h1, [data-focus-kept]) { outline: none; }
/* Airflow's pages of runs and tasks are at least 1280 pixels wide, with the grid on the left: a phone would display
   none of a tab. While one of ours is displayed there, it gets the width, and the grid waits on Airflow's own tabs. */
@media (max-width: 47.99em) {
  [data-testid="main-content"]:has(#details-panel [data-meli]) div:has([data-meli]) {
    min-width: 0 !important; max-width: 100%; height: auto !important; overflow: visible !important; flex-shrink: 0;
  }
  div:has(> #details-panel [data-meli]) > :not(#details-panel) { display: none !important; }
  #details-panel:has([data-meli]) { flex: 1 1 100% !important; }
  [data-testid="main-content"]:has(#details-panel [data-meli]) div:has([data-testid="breadcrumb-stats"]) {
    flex-wrap: wrap;
  }
}
@media (prefers-reduced-motion: reduce) {
  [data-meli], [data-meli] *, [data-meli] *::before, [data-meli] *::after {
    animation: none !important; transition: none !important; scroll-behavior: auto !important;
  }
}`;

const style = document.createElement("style");
style.textContent = STYLE;
document.head.append(style);

/** Whether a page of ours is displayed already, so that another one is a step inside ours. */
let entered = false;
/** Where it is displayed: what replaces it there, such as the page once it is loaded, is no step of the reader. */
let place = "";
/** Where the last step led to. */
let reached = "";

/**
 * Name the window while a page is displayed. Airflow names it too, later or earlier, and what it wants is kept:
 * the name is put before Airflow's, and Airflow's returns with the next page.
 * @param {string} title
 */
export function useTitle(title) {
  useEffect(() => {
    if (!title) return undefined;
    let theirs = document.title;
    const ours = () => `${title} - ${theirs.replace(/^.* - /, "")}`;
    const name = () => {
      if (document.title === ours()) return;
      theirs = document.title;
      document.title = ours();
    };
    const observer = new MutationObserver(name);
    observer.observe(document.head, { childList: true, subtree: true, characterData: true });
    name();
    return () => {
      observer.disconnect();
      document.title = theirs;
    };
  }, [title]);
}

/**
 * The `ref` of a page's heading: if the page replaced another one of ours, the focus was on what led here, and moves.
 * @param {HTMLElement | null} heading
 */
export const arriveAt = (heading) => {
  if (entered && location.href !== place) reached = location.href;
  if (location.href === reached) heading?.focus();
};

/**
 * Put a link at the very start of Airflow's page, for the keyboard: Airflow has none.
 * @returns {() => void} takes it away
 */
function offerSkipping() {
  const link = document.createElement("a");
  link.id = "meli-skip";
  link.href = `#${CONTENT}`;
  link.textContent = "Skip to the content";
  // By script: with Airflow's base address, the link itself would lead to another page.
  link.onclick = (event) => {
    event.preventDefault();
    const content = document.getElementById(CONTENT);
    content?.scrollIntoView();
    content?.focus({ preventScroll: true });
  };
  document.body.prepend(link);
  return () => link.remove();
}

/**
 * Keep the focus where the reader was if what had it disappears, such as a question once it is answered: the nearest
 * part around it that is still there gets it. Otherwise the browser gives it to the whole of Airflow's page.
 * @returns {(() => void) | undefined} ends that
 */
function keepFocus() {
  const content = document.getElementById(CONTENT);
  if (!content) return undefined;
  /** @type {Element[]} */
  let around = [];
  const onFocus = (/** @type {FocusEvent} */ { target }) => {
    around = [];
    let element = target instanceof Element ? target : null;
    for (; element && element !== content; element = element.parentElement) around.push(element);
  };
  const observer = new MutationObserver(() => {
    if (around[0]?.isConnected !== false || document.activeElement !== document.body) return;
    const left = around.find((element) => element.isConnected) ?? content;
    around = [];
    if (!(left instanceof HTMLElement)) return;
    if (left.tabIndex < 0) left.setAttribute("tabindex", "-1");
    left.setAttribute("data-focus-kept", "");
    left.focus({ preventScroll: true });
  });
  content.addEventListener("focusin", onFocus);
  observer.observe(content, { childList: true, subtree: true });
  return () => {
    content.removeEventListener("focusin", onFocus);
    observer.disconnect();
  };
}

/** From now on, a page of ours that appears replaces another one. */
function enter() {
  entered = true;
  place = location.href;
  return () => {
    entered = false;
  };
}

/**
 * Airflow marks a tab as selected if the address is written as its own links are. Links of ours that encoded the colon
 * of a run id are in old messages and bookmarks.
 * @param {string | undefined} runId
 */
function useAirflowsAddress(runId) {
  const navigate = Router.useNavigate();
  const { pathname, search } = Router.useLocation();
  useEffect(() => {
    if (!runId) return;
    const written = pathname.replace(encodeURIComponent(runId), encodeRunId(runId));
    if (written !== pathname) navigate({ pathname: written, search }, { replace: true });
  }, [navigate, pathname, runId, search]);
}

/** @param {{title: string, runId: string | undefined, children?: import("react").ReactNode}} props */
function Frame({ title, runId, children }) {
  useTitle(title);
  useEffect(offerSkipping, []);
  useEffect(keepFocus, []);
  useEffect(enter, []);
  useAirflowsAddress(runId);
  return h(UI.Box, { id: CONTENT, "data-meli": "", tabIndex: -1 }, children);
}

/**
 * A page in its frame.
 * @template {PageProps} P
 * @param {import("react").FunctionComponent<P>} page
 * @param {(props: NoInfer<P>) => string} title of the window; empty if the page names it
 * @returns {import("react").FunctionComponent<P>}
 */
export const framed = (page, title) => (props) => h(Frame, { title: title(props), runId: props.runId }, h(page, props));
