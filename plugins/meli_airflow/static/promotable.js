// The models of one run, each with a button to promote it for users with the right.
import { h, UI, useState } from "./airflow.js";
import { Confirm, canPromote, Done, promotion, useMayDecide } from "./deciding.js";
import { BEST_FIRST, Leaderboard, RUN_COLUMNS } from "./leaderboard.js";

/** @typedef {import("../types/responses").ModelRow} ModelRow */

const { Box, Button } = UI;

/**
 * A button for each model that can be promoted.
 * @param {(row: ModelRow) => void} onPromote
 * @returns {import("./leaderboard.js").ModelColumn}
 */
const promoteColumn = (onPromote) => ({
  key: "promote",
  title: "",
  cell: (row) =>
    canPromote(row)
      ? h(
          Button,
          { size: "xs", variant: "outline", "aria-label": `Promote ${row.set}`, onClick: () => onPromote(row) },
          "Promote",
        )
      : null,
});

/**
 * Above the models: the question whether to promote one, and what was decided. `last` is the number of the last decision.
 * @param {{rows: ModelRow[], last: number, reload: () => void}} props
 */
export function PromotableModels({ rows, last, reload }) {
  const mayDecide = useMayDecide();
  const [chosen, setChosen] = useState(/** @type {ModelRow | null} */ (null));
  const [done, setDone] = useState("");
  const choose = (/** @type {ModelRow} */ row) => {
    setDone("");
    setChosen(row);
  };
  const onDone = (/** @type {string} */ text) => {
    setChosen(null);
    setDone(text);
  };
  return h(
    Box,
    null,
    chosen
      ? h(Confirm, {
          key: chosen.id,
          action: promotion(chosen, last),
          onDone,
          onCancel: () => setChosen(null),
          reload,
        })
      : null,
    h(Done, null, done),
    h(Leaderboard, {
      rows,
      columns: mayDecide ? [...RUN_COLUMNS, promoteColumn(choose)] : RUN_COLUMNS,
      linked: new Set(),
      order: BEST_FIRST,
    }),
  );
}
