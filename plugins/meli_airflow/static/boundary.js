// Keeps an error of one of our pages inside it. Without a boundary, React removes the whole of Airflow's page.
import { globals, h, UI } from "./airflow.js";
import { Note, Tab } from "./parts.js";

/** @typedef {{children?: import("react").ReactNode}} Props */
/** @typedef {{error: Error | null}} State */

const { Component } = globals.React;
const { Button } = UI;

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
    if (!error) return this.props.children;
    return h(
      Tab,
      { "data-testid": "meli-broken" },
      h(
        Note,
        { status: "error", title: "This page cannot be displayed" },
        `The rest of Airflow is not affected. The browser reports: ${error.message} `,
        h(Button, { onClick: () => this.setState({ error: null }), size: "xs", variant: "outline" }, "Try again"),
      ),
    );
  }
}

/**
 * A page inside a boundary of its own.
 * @template {object} P
 * @param {import("react").FunctionComponent<P>} page
 * @returns {import("react").FunctionComponent<P>}
 */
export const guarded = (page) => (props) => h(Boundary, null, h(page, props));
