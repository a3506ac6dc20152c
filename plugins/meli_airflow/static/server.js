// Requests to our own server and to Airflow's REST API.
import { useEffect, useRef, useState } from "./airflow.js";

const API = new URL("../api/", import.meta.url);
/** Airflow's own REST API, also where Airflow is served under a path. */
export const AIRFLOW = new URL("../../api/v2/", import.meta.url);
const SECONDS_WHILE_HIDDEN = 15;
const SECONDS_AFTER_FAILURE = 5;

/** The server did not do what was requested; `status` is 0 if it could not be reached. */
export class RequestError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.name = "RequestError";
    this.status = status;
  }

  /** Whether the same request may succeed later. */
  get retryable() {
    return this.status === 0 || this.status >= 500;
  }
}

/**
 * Send a request and return the JSON of the response.
 * @template T
 * @param {string} path relative to `base`
 * @param {{base?: URL, method?: string, body?: unknown, signal?: AbortSignal}} [options]
 * @returns {Promise<T>}
 * @throws {RequestError} with a message that says what to do
 */
export async function request(path, { base = API, method = "GET", body, signal } = {}) {
  /** @type {RequestInit} */
  const options = { credentials: "same-origin", method };
  if (signal) options.signal = signal;
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json" };
  }
  let response;
  try {
    response = await fetch(new URL(path, base), options);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RequestError(0, "Airflow's API server does not respond. This page keeps trying.");
  }
  const json = await response.json().catch(() => ({}));
  if (response.ok) return json;
  const detail = typeof json.detail === "string" ? json.detail : JSON.stringify(json.detail ?? response.statusText);
  throw new RequestError(response.status, detail);
}

/**
 * What `useServer` returns; `data` is undefined until the first response.
 * @template T
 * @typedef {{data: T | undefined, error: RequestError | undefined, loading: boolean, reload: () => void}} Loaded
 */

/**
 * The JSON at `path`, requested again every `interval(data)` seconds (0: never). While a new path is loading, the old
 * data stays and `loading` is true. An empty path requests nothing.
 * @template T
 * @param {string} path
 * @param {(data: T) => number} [interval]
 * @returns {Loaded<T>}
 */
export function useServer(path, interval = () => 0) {
  const [result, setResult] = useState(
    /** @type {Omit<Loaded<T>, "reload">} */ ({
      data: undefined,
      error: undefined,
      loading: true,
    }),
  );
  const [round, setRound] = useState(0);
  const latestInterval = useRef(interval);
  latestInterval.current = interval;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round requests the same path again
  useEffect(() => {
    if (!path) return undefined;
    const control = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    /** @param {number} seconds */
    const schedule = (seconds) => {
      if (seconds > 0) timer = setTimeout(load, seconds * 1000);
    };
    /** @param {unknown} error */
    const onFailure = (error) => {
      if (control.signal.aborted) return;
      const failure = error instanceof RequestError ? error : new RequestError(0, String(error));
      setResult((before) => ({ ...before, error: failure, loading: false }));
      if (failure.retryable) schedule(SECONDS_AFTER_FAILURE);
    };
    const load = async () => {
      if (document.hidden) {
        schedule(SECONDS_WHILE_HIDDEN);
        return;
      }
      try {
        const data = /** @type {T} */ (await request(path, { signal: control.signal }));
        setResult({ data, error: undefined, loading: false });
        schedule(latestInterval.current(data));
      } catch (error) {
        onFailure(error);
      }
    };
    const onVisible = () => {
      if (document.hidden) return;
      clearTimeout(timer);
      load();
    };
    setResult((before) => ({ ...before, loading: true }));
    load();
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      control.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [path, round]);
  return { ...result, reload: () => setRound((before) => before + 1) };
}
