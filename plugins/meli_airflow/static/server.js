// Requests to our own server and to Airflow's REST API.
import { useEffect, useRef, useState } from "./airflow.js";
import { poll } from "./polling.js";

const API = new URL("../api/", import.meta.url);
/** Airflow's own REST API, also where Airflow is served under a path. */
export const AIRFLOW = new URL("../../api/v2/", import.meta.url);
const SECONDS_AFTER_FAILURE = 5;

/**
 * The address of a run's report, an HTML page of its own.
 * @param {string} runId
 */
export const reportUrl = (runId) => new URL(`report/${encodeURIComponent(runId)}`, API).href;

/**
 * The address of something below our API, for a link.
 * @param {string} path
 */
export const apiUrl = (path) => new URL(path, API).href;

/**
 * The path of a model's own data below the API: its id with each part encoded.
 * @param {string} id run, plan and set, between slashes
 */
export function modelApi(id) {
  const [run = "", digest = "", ...label] = id.split("/");
  return `model/${[run, digest, label.join("/")].map(encodeURIComponent).join("/")}`;
}

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
export async function request(path, options = {}) {
  const response = await opened(path, options);
  return response.json().catch(() => ({}));
}

/**
 * Send a request whose response has one JSON value in each line, and hand each over as soon as it arrives.
 * @template T
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal} signal
 * @param {(value: T) => void} onValue
 * @throws {RequestError} with a message that says what to do
 */
export async function requestLines(path, body, signal, onValue) {
  const response = await opened(path, { method: "POST", body, signal });
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (let done = !reader; !done; ) {
    const part = await reader?.read().catch((error) => {
      if (signal.aborted) throw error;
      throw new RequestError(0, "The connection to Airflow's API server broke off. Try again.");
    });
    done = part?.done ?? true;
    const lines = (rest + decoder.decode(part?.value, { stream: !done })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onValue(JSON.parse(line));
  }
}

/**
 * The response to a request, once it is known to be a success.
 * @param {string} path
 * @param {{base?: URL, method?: string, body?: unknown, signal?: AbortSignal}} options
 * @returns {Promise<Response>}
 */
async function opened(path, { base = API, method = "GET", body, signal }) {
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
  if (response.ok) return response;
  const json = await response.json().catch(() => ({}));
  throw new RequestError(response.status, sentence(json.detail) || response.statusText);
}

/**
 * What an error says, as text: Airflow's own API lists one message for each field that it refuses.
 * @param {unknown} detail
 */
function sentence(detail) {
  if (typeof detail === "string") return detail;
  const found = Array.isArray(detail) ? detail.map((one) => `${one?.loc?.at(-1) ?? ""}: ${one?.msg ?? ""}`) : [];
  return found.join("; ");
}

/**
 * What `useServer` returns; `data` is undefined until the first response.
 * @template T
 * @typedef {{data: T | undefined, error: RequestError | undefined, loading: boolean, reload: () => void}} Loaded
 */

/** How often what has ended is requested again: it can be cleared or computed again. */
export const SECONDS_AFTER_THE_END = 30;

/**
 * The JSON at `path`, requested again every `interval(data)` seconds (0: never) while the page is visible. While a new path is loading, the old
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
    setResult((before) => ({ ...before, loading: true }));
    return poll({
      load: (signal) => /** @type {Promise<T>} */ (request(path, { signal })),
      onData: (data) => {
        setResult({ data, error: undefined, loading: false });
        return latestInterval.current(data);
      },
      onFailure: (error) => {
        const failure = error instanceof RequestError ? error : new RequestError(0, String(error));
        setResult((before) => ({ ...before, error: failure, loading: false }));
        return failure.retryable ? SECONDS_AFTER_FAILURE : 0;
      },
    });
  }, [path, round]);
  return { ...result, reload: () => setRound((before) => before + 1) };
}
