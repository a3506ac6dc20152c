// A stand-in for Airflow's page, so that Node can run the pages: a React of few lines that renders components to a tree
// of host nodes, Chakra components as names, and a server of prepared responses. Layout and drawing need Chromium.

/** @typedef {{type: unknown, props: Record<string, unknown>, key: unknown}} Element */
/** @typedef {{name: string, props: Record<string, unknown>, children: Node[]}} Host */
/** @typedef {Host | string} Node */
/** `after`: when the response arrives. @typedef {{status?: number, body: unknown, after?: Promise<unknown>}} Response */
/** @typedef {{deps: unknown[] | undefined, cleanup: unknown, effect: (() => unknown) | undefined}} Effect */
/** @typedef {{hooks: unknown[], index: number, effects: Effect[]}} Instance */

const INLINE = new Set(["span", "b", "Link", "Router.Link", "Text", "Badge"]);
const COMPOUND = new Set(["Alert", "Checkbox", "NativeSelect", "Switch", "Table"]);

/** @type {Instance | undefined} */
let current;
let dirty = false;

/**
 * The value kept for the next hook of the component that is being rendered.
 * @template T
 * @param {() => T} initial
 */
function hook(initial) {
  if (!current) throw new Error("a hook was called outside a component");
  const { hooks } = current;
  const position = current.index++;
  if (position === hooks.length) hooks.push(initial());
  return /** @type {T} */ (hooks[position]);
}

/** A class component, of which only error boundaries are written. */
class Component {
  /** @type {Record<string, unknown>} */
  state = {};

  /** @param {Record<string, unknown>} props */
  constructor(props) {
    this.props = props;
  }

  /** @param {Record<string, unknown>} changes */
  setState(changes) {
    Object.assign(this.state, changes);
    dirty = true;
  }
}

const React = {
  Component,
  /** @param {unknown} type @param {Record<string, unknown> | null} props @param {unknown[]} children */
  createElement: (type, props, ...children) => ({
    type,
    key: props?.key,
    props: { ...props, ...(children.length ? { children } : {}) },
  }),
  /** @param {unknown} initial */
  useState: (initial) => {
    const state = hook(() => ({ value: initial }));
    const set = (/** @type {unknown} */ next) => {
      state.value = typeof next === "function" ? next(state.value) : next;
      dirty = true;
    };
    return [state.value, set];
  },
  /** @param {unknown} initial */
  useRef: (initial) => hook(() => ({ current: initial })),
  /** @param {() => unknown} effect @param {unknown[]} deps */
  useEffect: (effect, deps) => {
    const kept = hook(() => /** @type {Effect} */ ({ deps: undefined, cleanup: undefined, effect: undefined }));
    if (!kept.deps || deps.some((value, position) => !Object.is(value, kept.deps?.[position]))) kept.effect = effect;
    kept.deps = deps;
    current?.effects.push(kept);
  },
};

/** @param {string} prefix */
const names = (prefix) => new Proxy({}, { get: (_, name) => prefix + String(name) });

/** The page's address, as the router keeps it. */
export const address = { pathname: "", search: "" };
/** Requests since the last `mount`: method, path and body. */
export const requests = /** @type {[string, string, unknown][]} */ ([]);
let responses = /** @type {Record<string, Response>} */ ({});

/** The events of the window: errors that no code catches. */
export const windowEvents = new EventTarget();

Object.assign(globalThis, {
  React,
  ChakraUI: new Proxy(
    {},
    { get: (_, name) => (COMPOUND.has(String(name)) ? names(`${String(name)}.`) : String(name)) },
  ),
  ReactRouterDOM: {
    Link: "Router.Link",
    useLocation: () => ({ pathname: address.pathname, search: address.search }),
    useNavigate:
      () =>
      (/** @type {{pathname?: string, search: string}} */ { pathname, search }) => {
        address.pathname = pathname ?? address.pathname;
        address.search = search;
        dirty = true;
      },
    useSearchParams: () => [
      new URLSearchParams(address.search),
      (/** @type {(before: URLSearchParams) => URLSearchParams} */ next) => {
        address.search = `?${next(new URLSearchParams(address.search))}`;
        dirty = true;
      },
    ],
  },
  addEventListener: windowEvents.addEventListener.bind(windowEvents),
  removeEventListener: windowEvents.removeEventListener.bind(windowEvents),
  localStorage: { getItem: () => '"UTC"', setItem: () => undefined },
  location: {
    get href() {
      return address.search;
    },
  },
  document: Object.assign(new EventTarget(), {
    hidden: false,
    title: "Airflow",
    head: { append: () => undefined },
    body: { prepend: () => undefined },
    getElementById: () => null,
    createElement: () => ({ remove: () => undefined }),
  }),
  // Nobody but the page itself changes the page.
  MutationObserver: class {
    observe() {}
    disconnect() {}
  },
  fetch: async (/** @type {URL} */ url, /** @type {{method: string, body?: string, signal?: AbortSignal}} */ init) => {
    const { method, body, signal } = init;
    const path = url.href.replace(/^.*?\/(api\/)/, "");
    requests.push([method, path, body && JSON.parse(body)]);
    const {
      status = 200,
      body: json,
      after,
    } = responses[`${method} ${path}`] ?? {
      status: 404,
      body: { detail: `There is no response to ${method} ${path}` },
    };
    await after;
    return {
      ok: status < 400,
      status,
      statusText: "",
      body: { getReader: () => readerOf(json) },
      json: async () => {
        signal?.throwIfAborted();
        return structuredClone(json);
      },
    };
  },
});

/**
 * Reads a list as lines of JSON, which arrive in pieces that do not end where the lines do.
 * @param {unknown} list
 */
function readerOf(list) {
  const text = Array.isArray(list) ? list.map((one) => `${JSON.stringify(one)}\n`).join("") : JSON.stringify(list);
  const pieces = text.match(/[\s\S]{1,40}/g) ?? [];
  return {
    read: async () => {
      const piece = pieces.shift();
      return piece === undefined ? { done: true } : { done: false, value: new TextEncoder().encode(piece) };
    },
  };
}

/** Switch to another tab of the browser, and back. */
export function switchTabs() {
  for (const hidden of [true, false]) {
    Object.assign(document, { hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }
}

/** @param {Node} node @returns {string} */
function textOf(node) {
  if (typeof node === "string") return node;
  const inner = node.children.map(textOf).join("");
  return INLINE.has(node.name) && node.props.display !== "block" ? inner : `\n${inner}\n`;
}

/** A component on the page; `unmount` it at the end, or its timers keep Node alive. */
export class Mounted {
  /** @type {Map<string, Instance>} */
  #instances = new Map();
  /** @type {Map<string, any>} */
  #boundaries = new Map();
  /** @type {Set<string>} */
  #rendered = new Set();
  /** @type {Node[]} */
  #tree = [];
  #element;

  /** @param {Element} element */
  constructor(element) {
    this.#element = element;
    dirty = true;
  }

  /** The text on the page, in lines. */
  get text() {
    return this.#tree
      .map(textOf)
      .join("")
      .replace(/\n\s*\n/g, "\n")
      .trim();
  }

  /**
   * All host nodes of a name, in the order of the page.
   * @param {string} name
   */
  all(name) {
    /** @type {(node: Node) => Host[]} */
    const find = (node) => {
      if (typeof node === "string") return [];
      const inner = node.children.flatMap(find);
      return node.name === name ? [node, ...inner] : inner;
    };
    return this.#tree.flatMap(find);
  }

  /**
   * The text of each line of a table, without its header.
   * @param {string} label the table's name for screen readers
   */
  rowsOf(label) {
    const body = this.all("Table.Root").find(({ props }) => props["aria-label"] === label)?.children[1];
    if (!body || typeof body === "string") throw new Error(`There is no table ${label}:\n${this.text}`);
    return body.children.map((line) =>
      textOf(line)
        .replace(/\s*\n\s*/g, "\n")
        .trim(),
    );
  }

  /**
   * Click the button with this text.
   * @param {string} text
   */
  async click(text) {
    const button = this.all("Button").find((one) => textOf(one).trim() === text);
    if (!button) throw new Error(`There is no button ${text}:\n${this.text}`);
    /** @type {() => void} */ (button.props.onClick)();
    await this.settle();
  }

  /** Render until no state and no response is outstanding. */
  async settle() {
    for (let quiet = 0; quiet < 5; quiet += 1) {
      if (dirty) {
        this.#render();
        quiet = 0;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this;
  }

  unmount() {
    this.#rendered.clear();
    this.#drop();
  }

  #render() {
    dirty = false;
    this.#rendered.clear();
    this.#tree = this.#expand(this.#element, "");
    this.#drop();
    for (const instance of this.#instances.values()) {
      for (const kept of instance.effects) {
        if (!kept.effect) continue;
        if (typeof kept.cleanup === "function") kept.cleanup();
        kept.cleanup = kept.effect();
        kept.effect = undefined;
      }
    }
  }

  /** Clean up after components that are gone. */
  #drop() {
    for (const [path, { effects }] of this.#instances) {
      if (this.#rendered.has(path)) continue;
      for (const { cleanup } of effects) if (typeof cleanup === "function") cleanup();
      this.#instances.delete(path);
    }
  }

  /**
   * Render an error boundary: what it contains, or what it displays after an error in there.
   * @param {Function} type @param {Record<string, unknown>} props @param {string} path @returns {Node[]}
   */
  #bounded(type, props, path) {
    const boundary = this.#boundaries.get(path) ?? Reflect.construct(type, [props]);
    this.#boundaries.set(path, boundary);
    boundary.props = props;
    try {
      return this.#expand(boundary.render(), path);
    } catch (error) {
      current = undefined;
      boundary.state = Reflect.get(type, "getDerivedStateFromError")(error);
      return this.#expand(boundary.render(), path);
    }
  }

  /** @param {unknown} node @param {string} path @returns {Node[]} */
  #expand(node, path) {
    if (node === null || node === undefined || typeof node === "boolean") return [];
    if (Array.isArray(node)) {
      return node.flatMap((one, position) => this.#expand(one, `${path}/${one?.key ?? position}`));
    }
    if (typeof node !== "object") return [String(node)];
    const { type, props } = /** @type {Element} */ (node);
    if (typeof type === "string") {
      return [{ name: type, props, children: this.#expand(props.children, `${path}/${type}`) }];
    }
    if (typeof type !== "function") throw new Error(`${path}: ${String(type)} is no component`);
    const place = `${path}/${type.name}`;
    if (type.prototype instanceof Component) return this.#bounded(type, props, place);
    const instance = this.#instances.get(place) ?? { hooks: [], index: 0, effects: [] };
    this.#instances.set(place, instance);
    this.#rendered.add(place);
    Object.assign(instance, { index: 0, effects: [] });
    current = instance;
    const result = type(props);
    current = undefined;
    return this.#expand(result, place);
  }
}

/**
 * Render one of the pages that the bundle registers for Airflow.
 * @param {"Models" | "Result" | "Learning curves"} page
 * @param {Record<string, unknown>} props
 * @param {Record<string, Response>} answers by method and path, e.g. "GET models?limit=100"
 */
export async function mount(page, props, answers) {
  await import("../../plugins/meli_airflow/static/pages.js");
  // Each page loads its own modules when it is displayed; here they are loaded before.
  await Promise.all(
    ["models", "run", "training"].map((name) => import(`../../plugins/meli_airflow/static/${name}.js`)),
  );
  responses = answers;
  requests.length = 0;
  const component = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (globalThis))[page];
  const mounted = new Mounted({ type: component, props, key: undefined });
  try {
    return await mounted.settle();
  } catch (error) {
    mounted.unmount();
    throw error;
  }
}
