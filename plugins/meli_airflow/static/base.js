// What every page stands on: Airflow's own React and components, questions to the server, and words for numbers.
const { React, ChakraUI, ReactRouterDOM } = globalThis;

export const { useCallback, useEffect, useMemo, useRef, useState } = React;
export const UI = ChakraUI;
export const Router = ReactRouterDOM;
export const h = React.createElement;

const API = new URL("../api/", import.meta.url);
/** Airflow's own REST API, where it lives under a path too. */
export const AIRFLOW = new URL("../../api/v2/", import.meta.url);
const SECONDS_WHILE_HIDDEN = 15;

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The server's answer to GET or another method; a Refused that says what to do when there is none. */
export async function ask(path, { base = API, method = "GET", body, signal } = {}) {
  const sent =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  let answer;
  try {
    answer = await fetch(new URL(path, base), { credentials: "same-origin", method, signal, ...sent });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "Airflow's api-server does not answer. The page asks again by itself.");
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  const detail = typeof told.detail === "string" ? told.detail : JSON.stringify(told.detail ?? answer.statusText);
  throw new Refused(answer.status, detail);
}

/**
 * What the server says at `path`, asked again every `seconds(answer)` seconds (0: not again). While a new path is asked
 * the old answer stays, with `loading` true. An empty path asks nothing.
 */
export function useAnswer(path, seconds = () => 0) {
  const [found, setFound] = useState({ data: undefined, error: undefined, loading: true });
  const [round, setRound] = useState(0);
  const pause = useRef(seconds);
  pause.current = seconds;
  useEffect(() => {
    if (!path) return undefined;
    const control = new AbortController();
    let timer;
    const later = (wait) => {
      if (wait > 0) timer = setTimeout(look, wait * 1000);
    };
    const look = async () => {
      if (document.hidden) {
        later(SECONDS_WHILE_HIDDEN);
        return;
      }
      try {
        const data = await ask(path, { signal: control.signal });
        setFound({ data, error: undefined, loading: false });
        later(pause.current(data));
      } catch (error) {
        if (control.signal.aborted) return;
        setFound((before) => ({ ...before, error, loading: false }));
        // What may mend itself is asked again; a refusal is not.
        if (error.status === 0 || error.status >= 500) later(5);
      }
    };
    const woken = () => {
      if (!document.hidden) {
        clearTimeout(timer);
        look();
      }
    };
    setFound((before) => ({ ...before, loading: true }));
    look();
    document.addEventListener("visibilitychange", woken);
    return () => {
      control.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", woken);
    };
  }, [path, round]);
  return { ...found, again: () => setRound((count) => count + 1) };
}

/** State that stands in the address, so that a page can be linked and the browser's Back works. */
export function useAddress() {
  const [params, setParams] = Router.useSearchParams();
  const set = (changes, replace = false) =>
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(changes)) {
          if (value === undefined || value === null || value === "") next.delete(name);
          else next.set(name, String(value));
        }
        return next;
      },
      { replace },
    );
  return [params, set];
}

function zone() {
  const kept = localStorage.getItem("timezone");
  if (!kept) return undefined;
  try {
    return JSON.parse(kept);
  } catch {
    return kept;
  }
}

/** A moment in the time zone chosen in Airflow, e.g. 2026-11-21 23:44. */
export function moment(iso) {
  if (!iso) return "";
  const format = {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
  };
  const parts = new Intl.DateTimeFormat("en-GB", { ...format, timeZone: zone() }).formatToParts(new Date(iso));
  const part = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
  return `${part.year}-${part.month}-${part.day} ${part.hour === "24" ? "00" : part.hour}:${part.minute}`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 10) return `${Number(seconds).toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

export const number = (value) => (value === null || value === undefined ? "" : Number(value).toLocaleString("en-US"));
export const share = (value, digits = 4) =>
  value === null || value === undefined ? "" : Number(value).toFixed(digits);
export const signed = (value, digits = 3) =>
  `${value > 0 ? "+" : value < 0 ? "−" : "±"}${Math.abs(value).toFixed(digits)}`;

/** An ensemble's members, the heaviest first: "0.65 mlp, 0.35 cnn". */
export const membersText = (members) =>
  Object.entries(members)
    .sort(([, one], [, other]) => other - one)
    .map(([name, weight]) => `${weight.toFixed(2)} ${name}`)
    .join(", ");

export function shown(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (Array.isArray(value)) return value.length ? value.join(", ") : "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export const runPath = (runId, dag = "meli_training") => `/dags/${dag}/runs/${encodeURIComponent(runId)}`;
export const runTab = (runId) => `${runPath(runId)}/plugin/meli_run`;
