// What Airflow's own page provides (React, its components, its router), and links and settings inside Airflow.
import * as format from "./format.js";

/** The globals of Airflow's page. uPlot is among them only once it is loaded. */
export const globals = /** @type {import("../types/airflow").Globals} */ (/** @type {unknown} */ (globalThis));
const { React, ChakraUI, ReactRouterDOM } = globals;

export const { useEffect, useRef, useState } = React;
export const UI = ChakraUI;
export const Router = ReactRouterDOM;
export const h = React.createElement;

/**
 * What a name in the address stands for, as texts; an empty value is none.
 * @param {string | number | readonly string[] | null | undefined} value
 */
const listOf = (value) => (Array.isArray(value) ? value : [value ?? ""]).map(String).filter(Boolean);

/**
 * State kept in the address, so that a page can be linked to and the browser's Back button works.
 * @typedef {Record<string, string | number | readonly string[] | null | undefined>} AddressChanges a list is repeated
 * @returns {[URLSearchParams, (changes: AddressChanges, replace?: boolean) => void]}
 */
export function useAddress() {
  const [params, setParams] = Router.useSearchParams();
  /** @param {AddressChanges} changes empty values are removed */
  const set = (changes, replace = false) =>
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(changes)) {
          next.delete(name);
          for (const one of listOf(value)) next.append(name, one);
        }
        return next;
      },
      { replace },
    );
  return [params, set];
}

/** The time zone chosen in Airflow, which stores it as JSON; undefined for the browser's own. */
function timeZone() {
  const stored = localStorage.getItem("timezone");
  if (!stored) return undefined;
  try {
    return /** @type {string} */ (JSON.parse(stored));
  } catch {
    return stored;
  }
}

/**
 * A date and time in the time zone chosen in Airflow, e.g. "2026-11-21 23:44".
 * @param {string | null | undefined} iso
 */
export const formatDateTime = (iso) => format.formatDateTime(iso, timeZone());

/**
 * A run's id as a part of a path. What a path may hold stays as it is, as in Airflow's own links: it marks a tab as
 * selected only if the address is written in the same way.
 * @param {string} runId
 */
export const encodeRunId = (runId) =>
  encodeURIComponent(runId).replace(/%(?:3A|40|24|26|2B|2C|3B|3D)/g, decodeURIComponent);

/**
 * The page of a run.
 * @param {string} runId
 */
export const runPath = (runId, dag = "meli_training") => `/dags/${dag}/runs/${encodeRunId(runId)}`;

/**
 * Our tab on the page of a training run.
 * @param {string} runId
 */
export const runTab = (runId) => `${runPath(runId)}/plugin/meli_run`;

/** The page with all models. */
export const MODELS_PATH = "/plugin/models";

/**
 * The page of one model.
 * @param {string} id of its row in the leaderboard: run, plan and set
 * @param {"confusions"} [show] the part of the page to begin at
 */
export const modelPath = (id, show) =>
  `${MODELS_PATH}?${new URLSearchParams({ model: id, ...(show ? { show } : {}) })}`;

/**
 * The comparison of models with one of them, the baseline; without one it is the champion, or the first.
 * @param {readonly string[]} ids of two to eight rows in the leaderboard
 */
export function comparePath(ids, baseline = "") {
  const query = new URLSearchParams(ids.map((id) => ["compare", id]));
  if (baseline) query.set("baseline", baseline);
  return `${MODELS_PATH}?${query}`;
}

/** States of a DAG run that do not change any more. */
export const FINISHED = new Set(["success", "failed"]);
