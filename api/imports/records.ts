import type { z } from "@hono/zod-openapi";
import { cutText, findUnstorable, trimBlanks } from "../../domain/text.ts";
import { invalid, jsonPointer } from "../http/problem.ts";
import { type JsonReading, readStrictJson } from "../http/strict-json.ts";
import { fieldFaults } from "../http/validation.ts";
import { CharsetConflict } from "./charset.ts";
import { createTypeGuess, readCell } from "./cells.ts";
import {
  type Column,
  type ColumnMapping,
  type ColumnTypes,
  isKnownColumn,
  type KnownColumns,
  readHeader,
  type Target,
} from "./columns.ts";
import { readCsv } from "./csv.ts";
import { type Line, readLines } from "./lines.ts";

/** The columns and the schema of the records of an import. */
export interface RecordKind<Item> extends KnownColumns {
  schema: z.ZodType<Item>;
}

/** A fault of a record. */
export interface RecordFault {
  /** A column of CSV or a JSON pointer of NDJSON; empty for the record itself. */
  field: string;
  message: string;
}

/** A record, or its faults. Lines count from 1. */
type ImportRecord<Item> = { line: number; item: Item } | { line: number; faults: RecordFault[] };

/** A hint about a column that was imported without faults, but perhaps not as meant. */
interface ColumnHint {
  column: string;
  message: string;
}

/** A file of records as it arrives. */
export interface RecordReader<Item> {
  records: AsyncGenerator<ImportRecord<Item>>;
  /** Names a path within a record as a caller knows it: by a column or a JSON pointer. */
  fieldOf: (path: readonly PropertyKey[]) => string;
  /** Returns hints about the columns. To be called after all records have been read. */
  hints: () => ColumnHint[];
}

/** The bytes of a file, and their declared character set, null if there is none. */
export interface TextFile {
  bytes: AsyncIterable<Uint8Array>;
  charset: string | null;
}

/** The options of a caller for the columns of CSV. */
export interface CsvOptions {
  mapping?: ColumnMapping | undefined;
  types?: ColumnTypes | undefined;
}

/** Reads one JSON object on each line. Blank lines are skipped. */
export function readNdjsonRecords<Item>(
  { bytes, charset }: TextFile,
  { schema }: RecordKind<Item>,
): RecordReader<Item> {
  async function* read(): AsyncGenerator<ImportRecord<Item>> {
    for await (const entry of explainConflicts(charset, readLines(bytes, { charset }))) {
      const { line } = entry;
      if ("fault" in entry) yield { line, faults: [{ field: "", message: entry.fault }] };
      else if (entry.text.trim() !== "") yield readJsonRecord(line, entry.text, schema);
    }
  }
  return { records: read(), fieldOf: jsonPointer, hints: () => [] };
}

function readJsonRecord<Item>(
  line: number,
  text: string,
  schema: z.ZodType<Item>,
): ImportRecord<Item> {
  let read: JsonReading;
  try {
    read = readStrictJson(text);
  } catch {
    return { line, faults: [{ field: "", message: "is not JSON" }] };
  }
  if ("value" in read) return checkRecord(line, read.value, schema, jsonPointer);
  const { path, message } = read.fault;
  return { line, faults: [{ field: jsonPointer(path), message }] };
}

/**
 * Reads CSV with a header. A blank cell is a missing value, and so is a cell that is missing at the end of a record. The cells of
 * fields are trimmed; those of free text and of parts of the open field are kept unchanged.
 * @throws Problem if the header cannot be read
 */
export function readCsvRecords<Item>(
  { bytes, charset }: TextFile,
  kind: RecordKind<Item>,
  { mapping = new Map(), types = new Map() }: CsvOptions,
): RecordReader<Item> {
  let header: Column[] | null = null;
  const guesses = new Map<string, ReturnType<typeof createTypeGuess>>();
  const fieldOf = (path: readonly PropertyKey[]) => nameOfColumn(path, header ?? [], kind);

  async function* read(): AsyncGenerator<ImportRecord<Item>> {
    const lines = explainConflicts(charset, readLines(bytes, { charset, carriageReturns: true }));
    const isColumn = (name: string) => isKnownColumn(name, kind, mapping);
    for await (const record of readCsv(lines, isColumn)) {
      const { line } = record;
      if (header === null) header = readHeaderOrThrow(record, kind, { mapping, types });
      else if ("fault" in record) yield { line, faults: [{ field: "", message: record.fault }] };
      else yield readCells(line, record.cells, header);
    }
    if (header === null)
      throw invalid([
        {
          in: "body",
          field: "",
          message: `is empty: the first line must be a header such as ${[...kind.columns.keys()].join(",")}`,
        },
      ]);
  }

  function readCells(
    line: number,
    cells: readonly string[],
    columns: readonly Column[],
  ): ImportRecord<Item> {
    if (cells.slice(columns.length).some((cell) => trimBlanks(cell) !== "")) {
      const message = `has ${cells.length} cells where the header has ${columns.length}`;
      return { line, faults: [{ field: "", message }] };
    }
    const fields = new Map<string, unknown>();
    const parts = new Map<string, unknown>();
    const faults: RecordFault[] = [];
    for (const [index, { name, targets }] of columns.entries()) {
      const cell = cells[index] ?? "";
      const trimmed = trimBlanks(cell);
      if (trimmed === "") continue;
      for (const target of targets) {
        if (target.kind === "field")
          fields.set(target.field, kind.freeText?.has(target.field) ? cell : trimmed);
        if (target.kind !== "part") continue;
        const read = readCell(cell, types.get(target.name) ?? "text");
        if ("message" in read) faults.push({ field: name, message: read.message });
        else parts.set(target.name, read.value);
        guesses.get(target.name)?.add(cell);
      }
    }
    if (faults.length > 0) return { line, faults };
    if (kind.openField !== undefined && parts.size > 0)
      fields.set(kind.openField, Object.fromEntries(parts));
    const value = Object.fromEntries(fields);
    const unstorable = findUnstorable(value);
    if (unstorable)
      return { line, faults: [{ field: fieldOf(unstorable.path), message: unstorable.message }] };
    return checkRecord(line, value, kind.schema, fieldOf);
  }

  function readHeaderOrThrow(
    record: { cells: string[] } | { fault: string },
    known: KnownColumns,
    given: Required<{ mapping: ColumnMapping; types: ColumnTypes }>,
  ): Column[] {
    if ("fault" in record)
      throw invalid([{ in: "body", field: "", message: `has a header that ${record.fault}` }]);
    const reading = readHeader(record.cells, known, given.mapping);
    if ("faults" in reading)
      throw invalid(
        reading.faults.map((fault) => ({
          ...fault,
          field: fault.in === "query" ? "columns" : "",
        })),
      );
    const names = new Set(reading.columns.flatMap(({ targets }) => targets.flatMap(nameOfPart)));
    const unknown = [...given.types.keys()].filter((name) => !names.has(name));
    if (unknown.length > 0)
      throw invalid(
        unknown.map((name) => ({
          in: "query",
          field: "types",
          message: `names ${JSON.stringify(cutText(name, 100))}, which no column fills`,
        })),
      );
    for (const name of names) if (!given.types.has(name)) guesses.set(name, createTypeGuess());
    return reading.columns;
  }

  return { records: read(), fieldOf, hints: () => makeHints(header ?? [], guesses) };
}

const nameOfPart = (target: Target) => (target.kind === "part" ? [target.name] : []);

/** Names the column that fills the value at a path. */
function nameOfColumn(
  path: readonly PropertyKey[],
  columns: readonly Column[],
  { columns: plain, openField }: KnownColumns,
): string {
  const [first, second, ...rest] = path.map(String);
  const fills = (target: Target) =>
    target.kind === "field"
      ? target.field === first
      : target.kind === "part" && first === openField && target.name === second;
  const column = columns.find(({ targets }) => targets.some(fills));
  if (column) return column.name;
  for (const [name, field] of plain) if (field === first) return name;
  return [first, ...(second === undefined ? [] : [second]), ...rest].join(".");
}

function makeHints(
  columns: readonly Column[],
  guesses: ReadonlyMap<string, ReturnType<typeof createTypeGuess>>,
): ColumnHint[] {
  return columns.flatMap(({ name: column, targets, mapped }) => [
    ...(mapped || targets.some(({ kind }) => kind !== "nothing")
      ? []
      : [{ column, message: "was ignored, because it fills no field" }]),
    ...targets.flatMap(nameOfPart).flatMap((name): ColumnHint[] => {
      const guess = guesses.get(name)?.guess() ?? null;
      if (guess === null) return [];
      const values = guess === "number" ? "numbers" : "true and false";
      const effect = guess === "number" ? ", so that filters such as atLeast never match it" : "";
      const message = `has only ${values} and was imported as text${effect}: to import it as ${guess}, use ?types=${name}:${guess}`;
      return [{ column, message }];
    }),
  ]);
}

/** Yields lines, and throws a problem if the byte order mark contradicts the declared character set. */
async function* explainConflicts(
  declared: string | null,
  lines: AsyncGenerator<Line>,
): AsyncGenerator<Line> {
  try {
    yield* lines;
  } catch (error) {
    if (!(error instanceof CharsetConflict)) throw error;
    const message = `begins with the byte order mark of ${error.marked}, but Content-Type declares ${declared}: send charset=${error.marked}, or no charset`;
    throw invalid([{ in: "body", field: "", message }]);
  }
}

function checkRecord<Item>(
  line: number,
  value: unknown,
  schema: z.ZodType<Item>,
  fieldOf: (path: readonly PropertyKey[]) => string,
): ImportRecord<Item> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { line, item: parsed.data };
  return { line, faults: fieldFaults(parsed.error, fieldOf) };
}
