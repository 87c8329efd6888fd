import { Choice } from "../parts/filters.tsx";
import { type Column, columns } from "./search.ts";

const columnWords: Record<Column, string> = {
  recipient: "Recipient",
  source: "Source and type",
  channel: "Channel",
  priority: "Priority",
  reason: "Reason",
  at: "Due or ended",
  attempts: "Attempts",
};

interface ColumnsProps {
  /** The columns that are shown; all if it is undefined. */
  chosen: Column[] | undefined;
  onChange: (chosen: Column[] | undefined) => void;
}

/** Chooses the columns of the list. The last one cannot be hidden. */
export function Columns({ chosen, onChange }: ColumnsProps) {
  return (
    <Choice
      name="Columns"
      values={columns}
      words={(column) => columnWords[column]}
      chosen={chosen ?? columns}
      onChange={(next) =>
        onChange(next.length === 0 || next.length === columns.length ? undefined : next)
      }
    />
  );
}
