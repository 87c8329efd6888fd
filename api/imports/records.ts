import type { z } from "@hono/zod-openapi";
import { cutText, findUnstorable, trimBlanks } from "../../domain/text.ts";
import { invalid, jsonPointer } from "../http/problem.ts";
import { type JsonReading, readStrictJson } from "../http/strict-json.ts";
import { fieldFaults } from "../http/validation.ts";
import { CharsetConflict } from "./charset.ts";
import { createLookOfCells, readCell } from "./cells.ts";
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

/** The form of the records of an import. */
export interface RecordKind<Item> extends KnownColumns {
  schema: z.ZodType<Item>;
}

/** A column of CSV or a JSON pointer of NDJSON, empty for the record itself, and what is wrong there. */
export interface RecordFault {
  field: string;
  message: string;
}

/** A record as what it is, or what is wrong with it; lines count from 1. */
type ImportRecord<Item> = { line: number; item: Item } | { line: number; faults: RecordFault[] };

/** What a caller may want to know of a column, although nothing is wrong with it. */
interface ColumnHint {
  column: string;
  message: string;
}

/** A file of records as it arrives. */
export interface RecordReader<Item> {
  records: AsyncGenerator<ImportRecord<Item>>;
  /** Names a place within a record as the caller knows it. */
  fieldOf: (path: readonly PropertyKey[]) => string;
  /** What there is to say of the columns, once all records have been read. */
  hints: () => ColumnHint[];
}

/** The bytes of a file, and the character set that was named for them, if any. */
export interface TextFile {
  bytes: AsyncIterable<Uint8Array>;
  charset: string | null;
}

/** What a caller says of the columns of CSV. */
export interface CsvOptions {
  mapping?: ColumnMapping | undefined;
  types?: ColumnTypes | undefined;
}

/** Reads one JSON object a line. Blank lines are passed over. */
export function readNdjsonRecords<Item>(
  { bytes, charset }: TextFile,
  { schema }: RecordKind<Item>,
): RecordReader<Item> {
  async function* read(): AsyncGenerator<ImportRecord<Item>> {
    for await (const entry of nameConflicts(charset, readLines(bytes, { charset }))) {
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
 * Reads CSV with a header. A blank cell is a value left out, and so are cells at the end of a record that is too short. Fields are
 * without blanks at their edges; free text and parts of the open field are as they stand.
 * @throws the problem of a header that cannot be read
 */
export function readCsvRecords<Item>(
  { bytes, charset }: TextFile,
  kind: RecordKind<Item>,
  { mapping = new Map(), types = new Map() }: CsvOptions,
): RecordReader<Item> {
  let header: Column[] | null = null;
  const looks = new Map<string, ReturnType<typeof createLookOfCells>>();
  const fieldOf = (path: readonly PropertyKey[]) => nameOfColumn(path, header ?? [], kind);

  async function* read(): AsyncGenerator<ImportRecord<Item>> {
    const lines = nameConflicts(charset, readLines(bytes, { charset, carriageReturns: true }));
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
        looks.get(target.name)?.see(cell);
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
    said: Required<{ mapping: ColumnMapping; types: ColumnTypes }>,
  ): Column[] {
    if ("fault" in record)
      throw invalid([{ in: "body", field: "", message: `has a header that ${record.fault}` }]);
    const reading = readHeader(record.cells, known, said.mapping);
    if ("faults" in reading)
      throw invalid(
        reading.faults.map((fault) => ({
          ...fault,
          field: fault.in === "query" ? "columns" : "",
        })),
      );
    const names = new Set(reading.columns.flatMap(({ targets }) => targets.flatMap(nameOfPart)));
    const strange = [...said.types.keys()].filter((name) => !names.has(name));
    if (strange.length > 0)
      throw invalid(
        strange.map((name) => ({
          in: "query",
          field: "types",
          message: `names ${JSON.stringify(cutText(name, 100))}, which no column fills`,
        })),
      );
    for (const name of names) if (!said.types.has(name)) looks.set(name, createLookOfCells());
    return reading.columns;
  }

  return { records: read(), fieldOf, hints: () => hintsOf(header ?? [], looks) };
}

const nameOfPart = (target: Target) => (target.kind === "part" ? [target.name] : []);

/** Names the column that fills what a path leads to. */
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

function hintsOf(
  columns: readonly Column[],
  looks: ReadonlyMap<string, ReturnType<typeof createLookOfCells>>,
): ColumnHint[] {
  return columns.flatMap(({ name: column, targets, said }) => [
    ...(said || targets.some(({ kind }) => kind !== "nothing")
      ? []
      : [{ column, message: "was left out: nothing here is filled by it" }]),
    ...targets.flatMap(nameOfPart).flatMap((name): ColumnHint[] => {
      const look = looks.get(name)?.look() ?? null;
      if (look === null) return [];
      const what = look === "number" ? "numbers" : "true and false";
      const why = look === "number" ? ", so that filters such as atLeast find nobody by it" : "";
      const message = `holds only ${what} and was imported as text${why}: say ?types=${name}:${look} where it is meant as such`;
      return [{ column, message }];
    }),
  ]);
}

/** Names, for the caller, what contradicts what they said of the character set. */
async function* nameConflicts(
  declared: string | null,
  lines: AsyncGenerator<Line>,
): AsyncGenerator<Line> {
  try {
    yield* lines;
  } catch (error) {
    if (!(error instanceof CharsetConflict)) throw error;
    const message = `begins with the mark of ${error.marked}, and Content-Type says ${declared}: send charset=${error.marked}, or none`;
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
