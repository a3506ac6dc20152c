// One address requested again and again, by one timer and one request at a time, and only while the page is visible.

/**
 * Load at once, and again after as many seconds as the last result or failure says (0: never). A hidden page requests
 * nothing: what is under way is aborted, and what has become due meanwhile is loaded once the page is visible again.
 * @template T
 * @param {object} options
 * @param {(signal: AbortSignal) => Promise<T>} options.load
 * @param {(data: T) => number} options.onData called for each result, returns the seconds until the next
 * @param {(error: unknown) => number} options.onFailure called for each failure that is no abort, returns the same
 * @returns {() => void} ends it
 */
export function poll({ load, onData, onFailure }) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {AbortController | undefined} */
  let running;
  let dueAt = 0;
  let ended = false;

  const pause = () => {
    clearTimeout(timer);
    running?.abort();
    running = undefined;
  };
  const request = async () => {
    if (ended) return;
    pause();
    dueAt = 0; // until it is answered, so that an aborted request is made again
    const control = new AbortController();
    running = control;
    /** @type {() => number} */
    let report;
    try {
      const data = await load(control.signal);
      report = () => onData(data);
    } catch (error) {
      report = () => onFailure(error);
    }
    if (control.signal.aborted) return;
    running = undefined;
    const seconds = report();
    dueAt = seconds > 0 ? Date.now() + seconds * 1000 : Number.POSITIVE_INFINITY;
    schedule();
  };
  const schedule = () => {
    clearTimeout(timer);
    if (ended || document.hidden || running || dueAt === Number.POSITIVE_INFINITY) return;
    timer = setTimeout(request, Math.max(0, dueAt - Date.now()));
  };
  const onVisibility = () => (document.hidden ? pause() : schedule());

  document.addEventListener("visibilitychange", onVisibility);
  if (!document.hidden) request();
  return () => {
    ended = true;
    document.removeEventListener("visibilitychange", onVisibility);
    pause();
  };
}
