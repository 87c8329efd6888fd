// A grid of buttons follows the grid pattern of the ARIA practices, for which HTML has no element.
// oxlint-disable jsx-a11y/no-noninteractive-element-to-interactive-role
import { type KeyboardEvent, type MouseEvent, useState } from "react";
import { priorities, type Priority } from "../../domain/priority.ts";
import { useZone } from "../parts/instant.tsx";
import { useNow } from "../parts/now.ts";
import table from "../parts/table.module.css";
import { formatFull, formatRelative } from "../words/instants.ts";
import { formatCount } from "../words/numbers.ts";
import { wordsOfReason } from "../words/reasons.ts";
import { priorityWords } from "../words/statuses.ts";
import { heatOf, type Line, sumColumns } from "./matrix.ts";
import { addCell, type Picked, type Pivot, pickCell, toggle } from "./search.ts";
import styles from "./matrix-grid.module.css";

interface MatrixGridProps {
  pivot: Pivot;
  lines: readonly Line[];
  picked: Picked;
  onPick: (picked: Picked) => void;
}

const headings: Record<Pivot, string> = { reason: "Waits for", type: "Type", queue: "Queue" };
const arrows: Record<string, readonly [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/**
 * What waits, as a grid of counts. A press selects a cell, with Shift or Ctrl further ones; headings select lines and columns. The grid is one
 * stop of the Tab key, in which the arrow keys move and Space selects.
 */
export function MatrixGrid({ pivot, lines, picked, onPick }: MatrixGridProps) {
  const zone = useZone();
  const now = useNow();
  const [place, setPlace] = useState<readonly [number, number]>([1, 1]);
  const sums = sumColumns(lines);
  const largest = Math.max(
    1,
    ...lines.flatMap(({ cells }) => priorities.map((priority) => cells[priority].waiting)),
  );
  const isPicked = (line: string, column: Priority) =>
    (picked.lines !== null || picked.columns !== null) &&
    (picked.lines?.includes(line) ?? true) &&
    (picked.columns?.includes(column) ?? true);
  /** What makes a button the one of its row and column among which arrow keys move. */
  const at = (row: number, column: number) => ({
    "data-place": `${row} ${column}`,
    tabIndex: place[0] === row && place[1] === column ? 0 : -1,
    onFocus: () => setPlace([row, column]),
  });
  const onKeyDown = (event: KeyboardEvent) => {
    const step = arrows[event.key];
    if (!step) return;
    event.preventDefault();
    let [row, column] = place;
    // Cells without deliveries are passed over.
    for (;;) {
      row += step[0];
      column += step[1];
      if (row < 0 || column < 0 || row > lines.length || column > priorities.length) return;
      const next = event.currentTarget.querySelector<HTMLElement>(
        `[data-place="${row} ${column}"]`,
      );
      if (next) return next.focus();
    }
  };
  return (
    <div className={`${table.scroll} ${styles.window}`}>
      <table
        role="grid"
        aria-label={`Waiting deliveries by ${pivot} and priority`}
        aria-multiselectable="true"
        className={`${table.table} ${styles.grid}`}
        onKeyDown={onKeyDown}
      >
        <thead>
          <tr>
            <th>{headings[pivot]}</th>
            {priorities.map((priority, index) => (
              <th key={priority} className={table.number}>
                <button
                  type="button"
                  {...at(0, index + 1)}
                  aria-pressed={picked.columns?.includes(priority) ?? false}
                  title={`Select the column: ${formatCount(sums[priority].waiting)} waiting`}
                  onClick={() => onPick({ ...picked, columns: toggle(picked.columns, priority) })}
                >
                  {priorityWords[priority]}
                </button>
              </th>
            ))}
            <th className={`${table.number} ${styles.all}`}>All</th>
            <th className={styles.next}>Next due</th>
          </tr>
        </thead>
        <tbody>
          {lines.map(({ name, cells, total, nextDueAt }, index) => {
            const line = name ?? "none";
            // Deliveries cannot be filtered by having no type.
            const isFixed = pivot === "type" && name === null;
            const words = pivot === "reason" ? wordsOfReason(line) : (name ?? "No type");
            return (
              <tr key={line}>
                <th scope="row" className={styles.line}>
                  {isFixed ? (
                    <span>{words}</span>
                  ) : (
                    <button
                      type="button"
                      {...at(index + 1, 0)}
                      aria-pressed={picked.lines?.includes(line) ?? false}
                      onClick={() => onPick({ ...picked, lines: toggle(picked.lines, line) })}
                    >
                      {words}
                    </button>
                  )}
                </th>
                {priorities.map((priority, column) => {
                  const { waiting, due } = cells[priority];
                  const isChosen = !isFixed && isPicked(line, priority);
                  return (
                    <td
                      key={priority}
                      className={`${table.number} ${styles.cell}`}
                      data-heat={heatOf(waiting, largest)}
                      aria-selected={isChosen}
                    >
                      {waiting === 0 ? (
                        <span className="muted">·</span>
                      ) : isFixed ? (
                        formatCount(waiting)
                      ) : (
                        <button
                          type="button"
                          {...at(index + 1, column + 1)}
                          title={`${words}, ${priorityWords[priority]}: ${formatCount(waiting)} waiting, ${formatCount(due)} due`}
                          onClick={(event: MouseEvent) =>
                            onPick(
                              (event.shiftKey || event.ctrlKey || event.metaKey
                                ? addCell
                                : pickCell)(picked, line, priority),
                            )
                          }
                        >
                          <span className="hidden-text">
                            {words}, {priorityWords[priority]}:{" "}
                          </span>
                          {formatCount(waiting)}
                          <span className={styles.due}>
                            {due > 0 ? `${formatCount(due)} due` : " "}
                          </span>
                        </button>
                      )}
                    </td>
                  );
                })}
                <td className={`${table.number} ${styles.all}`}>
                  {formatCount(total.waiting)}
                  <span className={styles.due}>
                    {total.due > 0 ? `${formatCount(total.due)} due` : " "}
                  </span>
                </td>
                <td className={styles.next}>
                  {nextDueAt !== null && (
                    <time dateTime={nextDueAt} title={formatFull(nextDueAt, zone)}>
                      {formatRelative(nextDueAt, now)}
                    </time>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
