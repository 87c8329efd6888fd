import type { z } from "@hono/zod-openapi";
import { cutText, findUnstorable } from "../../domain/text.ts";
import { readCsv } from "./csv.ts";
import { readLines } from "./lines.ts";
import { invalid, jsonPointer } from "../http/problem.ts";
import { fieldFaults } from "../http/validation.ts";

/** The form of the records of an import. */
export interface RecordKind<Item> {
  schema: z.ZodType<Item>;
  /** Columns of CSV, and the fields they fill. */
  columns: ReadonlyMap<string, string>;
  /** The one without which a header is refused. */
  requiredColumn: string;
  /** Columns named `attributes.<name>` fill the field `attributes` where that is it. */
  openField?: string;
}

/** A column of CSV or a JSON pointer of NDJSON, empty for the line itself, and what is wrong there. */
interface RecordFault {
  field: string;
  message: string;
}

/** A record as what it is, or what is wrong with it; lines count from 1. */
export type ImportRecord<Item> =
  | { line: number; item: Item }
  | { line: number; faults: RecordFault[] };

/** Reads one JSON object a line. Blank lines are passed over. */
export async function* readNdjsonRecords<Item>(
  body: AsyncIterable<Uint8Array>,
  { schema }: RecordKind<Item>,
): AsyncGenerator<ImportRecord<Item>> {
  for await (const entry of readLines(body)) {
    const { line } = entry;
    if ("fault" in entry) yield { line, faults: [{ field: "", message: entry.fault }] };
    else if (entry.text.trim() !== "") {
      let value: unknown;
      try {
        value = JSON.parse(entry.text);
      } catch {
        yield { line, faults: [{ field: "", message: "is not JSON" }] };
        continue;
      }
      yield checkRecord(line, value, schema, jsonPointer);
    }
  }
}

/** Reads CSV with a header; an empty cell is a value left out. Throws the problem of a header that cannot be read. */
export async function* readCsvRecords<Item>(
  body: AsyncIterable<Uint8Array>,
  kind: RecordKind<Item>,
): AsyncGenerator<ImportRecord<Item>> {
  const { schema, columns, openField } = kind;
  const columnOf = (path: readonly PropertyKey[]) => {
    const [first, ...rest] = path.map(String);
    for (const [column, field] of columns) if (field === first) return column;
    return [first, ...rest].join(".");
  };
  let header: string[] | null = null;
  for await (const record of readCsv(readLines(body))) {
    const { line } = record;
    if (header === null) header = readHeader(record, kind);
    else if ("fault" in record) yield { line, faults: [{ field: "", message: record.fault }] };
    else if (record.cells.length !== header.length) {
      const message = `has ${record.cells.length} cells where the header has ${header.length}`;
      yield { line, faults: [{ field: "", message }] };
    } else {
      const value: Record<string, unknown> = {};
      const open: Record<string, string> = {};
      for (const [index, column] of header.entries()) {
        const cell = record.cells[index]!;
        if (cell === "") continue;
        const field = columns.get(column);
        if (field !== undefined) value[field] = cell;
        else open[column.slice(column.indexOf(".") + 1)] = cell;
      }
      if (openField !== undefined) value[openField] = open;
      yield checkRecord(line, value, schema, columnOf);
    }
  }
  if (header === null)
    throw invalid([
      {
        in: "body",
        field: "",
        message: `is empty: the first line must be a header such as ${[...columns.keys()].join(",")}`,
      },
    ]);
}

function readHeader(
  record: { cells: string[] } | { fault: string },
  { columns, requiredColumn, openField }: Omit<RecordKind<unknown>, "schema">,
): string[] {
  if ("fault" in record)
    throw invalid([{ in: "body", field: "", message: `has a header that ${record.fault}` }]);
  const header = record.cells.map((cell) => cell.trim());
  const fault = (message: string) => ({
    in: "body" as const,
    field: "",
    message: `has a header ${message}`,
  });
  const prefix = openField === undefined ? null : `${openField}.`;
  const isOpen = (column: string) =>
    prefix !== null && column.startsWith(prefix) && column.length > prefix.length;
  const names = [...columns.keys()].join(", ");
  const mend =
    prefix === null ? `name it one of ${names}` : `name it ${prefix}<name>, or one of ${names}`;
  const errors = header
    .filter((column) => !columns.has(column) && !isOpen(column))
    .map((column) => fault(`with the column ${JSON.stringify(cutText(column, 100))}: ${mend}`));
  if (!header.includes(requiredColumn)) errors.push(fault(`without ${requiredColumn}`));
  if (new Set(header).size < header.length) errors.push(fault("that names a column twice"));
  if (errors.length > 0) throw invalid(errors);
  return header;
}

function checkRecord<Item>(
  line: number,
  value: unknown,
  schema: z.ZodType<Item>,
  fieldOf: (path: readonly PropertyKey[]) => string,
): ImportRecord<Item> {
  const unstorable = findUnstorable(value);
  if (unstorable)
    return { line, faults: [{ field: fieldOf(unstorable.path), message: unstorable.message }] };
  const parsed = schema.safeParse(value);
  if (parsed.success) return { line, item: parsed.data };
  return { line, faults: fieldFaults(parsed.error, fieldOf) };
}
