// On narrow screens the table is laid out as cards, and a table that is no table for the layout keeps its roles only if they are named.
// oxlint-disable jsx-a11y/no-redundant-roles, jsx-a11y/no-interactive-element-to-noninteractive-role
import type { KeyboardEvent } from "react";
import type { Selection } from "./selection.ts";
import styles from "./selectable-table.module.css";

/** The head of the column with the checkboxes: selects all rows of the page, or none. */
export function SelectAll({ ids, selection }: { ids: readonly string[]; selection: Selection }) {
  const isAllSelected = ids.length > 0 && ids.every((id) => selection.ids.has(id));
  return (
    <th role="columnheader" className={styles.check}>
      <input
        type="checkbox"
        aria-label="Select all on this page"
        checked={isAllSelected}
        onChange={() => (isAllSelected ? selection.clear() : selection.selectAll())}
      />
    </th>
  );
}

/** The cell with the checkbox of a row. With Shift it selects all rows from the one that was selected last. */
export const SelectRow = ({
  id,
  name,
  selection,
}: {
  id: string;
  /** What the row shows, for those who cannot see it. */
  name: string;
  selection: Selection;
}) => (
  <td role="cell" className={styles.check}>
    <input
      type="checkbox"
      tabIndex={-1}
      aria-label={`Select ${name}`}
      checked={selection.ids.has(id)}
      onChange={({ nativeEvent }) =>
        (nativeEvent as MouseEvent).shiftKey ? selection.extend(id) : selection.toggle(id)
      }
    />
  </td>
);

/** What keys do with a row that has the focus: Enter opens it, and Shift X selects all rows from the one that was selected last. */
export const onRowKeys =
  (id: string, selection: Selection, open: () => void) => (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget) return;
    if (event.key === "Enter") open();
    else if (event.key === "X" && event.shiftKey) selection.extend(id);
    else return;
    event.preventDefault();
  };
