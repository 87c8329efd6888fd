import { z } from "@hono/zod-openapi";
import { cutText, trimBlanks, unsafeKeys } from "../../domain/text.ts";
import { type CellType, cellTypes } from "./cells.ts";

/** What the columns of a file may fill. */
export interface KnownColumns {
  /** Columns by their plain names, and the fields they fill. */
  columns: ReadonlyMap<string, string>;
  /** Other names of columns, as `plainName` has them, and the field each fills. */
  otherNames: ReadonlyMap<string, string>;
  /** The column without which a header is refused. */
  requiredColumn: string;
  /** Fields that are text of any kind, whose cells are kept as they stand: others are without blanks at their edges. */
  freeText?: ReadonlySet<string>;
  /** Columns named `attributes.<name>` fill the field `attributes` where that is it. */
  openField?: string;
  /** Names of columns, as `plainName` has them, that fill the part of the open field that is called as they are; without one nothing. */
  sideNames: ReadonlySet<string>;
}

/** What a column fills: a field of a record, a part of its open field, or nothing. */
export type Target =
  | { kind: "field"; field: string }
  | { kind: "part"; name: string }
  | { kind: "nothing" };

/** What a caller says of columns: by the `plainName` of each, or `*` for all that are not known. */
export type ColumnMapping = ReadonlyMap<string, { column: string; targets: Target[] }>;

/** A name of a column without what spellings differ in: case, blanks and punctuation. */
export const plainName = (name: string): string =>
  name
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, "");

const maxMappingLength = 4_000;

/** A query parameter that says what columns of CSV fill. */
export function columnsParameter(known: KnownColumns) {
  const names = [...known.columns.keys()];
  const part = known.openField === undefined ? [] : [`${known.openField}.<name>`];
  const choice = [...names, ...part, "- for nothing"].join(", ");
  return z
    .string()
    .max(maxMappingLength)
    .transform((text, context): ColumnMapping => {
      const mapping = new Map<string, { column: string; targets: Target[] }>();
      for (const pair of text.split(",")) {
        const colon = pair.lastIndexOf(":");
        const column = trimBlanks(pair.slice(0, Math.max(0, colon)));
        const target = readTarget(trimBlanks(pair.slice(colon + 1)), column, known);
        if (column === "" || target === null) {
          const message =
            column === ""
              ? "must be pairs of a column and what it fills, such as Mail:email, separated by commas"
              : `cannot fill ${show(pair.slice(colon + 1))} from ${show(column)}: it may be ${choice}`;
          context.addIssue({ code: "custom", message });
          return z.NEVER;
        }
        const key = column === "*" ? column : plainName(column);
        const { targets } = mapping.get(key) ?? { targets: [] };
        mapping.set(key, { column, targets: [...targets, target] });
      }
      return mapping;
    })
    .openapi({
      type: "string",
      maxLength: maxMappingLength,
      description:
        `Of CSV: what columns fill, as pairs of a column's name and one of ${choice}, separated by commas. A column named twice fills both. ` +
        "* stands for all columns that are not known" +
        (known.openField === undefined ? "." : `, which fill ${known.openField} by their names.`),
      example: `Kundennummer:${known.requiredColumn},*:${known.openField ?? "-"}`,
    });
}

function readTarget(
  text: string,
  column: string,
  { columns, openField }: KnownColumns,
): Target | null {
  if (text === "-") return { kind: "nothing" };
  if (openField !== undefined && text === openField && column === "*")
    return { kind: "part", name: "*" };
  if (openField !== undefined && text.startsWith(`${openField}.`)) {
    const name = text.slice(openField.length + 1);
    return name === "" || unsafeKeys.has(name) ? null : { kind: "part", name };
  }
  const field = columns.get(text) ?? [...columns.values()].find((one) => one === text);
  return field === undefined || column === "*" ? null : { kind: "field", field };
}

/** Types of columns by the name of the attribute that they fill. */
export type ColumnTypes = ReadonlyMap<string, CellType>;

/** A query parameter that says what the cells of columns of CSV are, which fill parts of the open field. */
export const typesParameter = (openField: string) =>
  z
    .string()
    .max(maxMappingLength)
    .transform((text, context): ColumnTypes => {
      const types = new Map<string, CellType>();
      for (const pair of text.split(",")) {
        const colon = pair.lastIndexOf(":");
        const name = trimBlanks(pair.slice(0, Math.max(0, colon)));
        const type = cellTypes.find((one) => one === trimBlanks(pair.slice(colon + 1)));
        if (name === "" || type === undefined) {
          context.addIssue({
            code: "custom",
            message: `must be pairs of an attribute and one of ${cellTypes.join(", ")}, such as age:number, separated by commas`,
          });
          return z.NEVER;
        }
        types.set(name.startsWith(`${openField}.`) ? name.slice(openField.length + 1) : name, type);
      }
      return types;
    })
    .openapi({
      type: "string",
      maxLength: maxMappingLength,
      description:
        `Of CSV: what the cells of ${openField} are, as pairs of a name and one of ${cellTypes.join(", ")}, separated by commas. Those left out are text. ` +
        "The items of a list stand between commas, semicolons or bars, or are a list of JSON.",
      example: "age:number,vip:boolean,tags:list",
    });

/** A column of a file: its name there, and what it fills. */
export interface Column {
  name: string;
  targets: Target[];
  /** Whether the caller says so. */
  said: boolean;
}

/** How a file's columns are read, or what is wrong with its header. */
export type HeaderReading = { columns: Column[] } | { faults: HeaderFault[] };

interface HeaderFault {
  /** `query` for a fault of what the caller says of columns. */
  in: "body" | "query";
  message: string;
}

/** Whether a cell of a header names a column that is known, or that the caller names. */
export function isKnownColumn(name: string, known: KnownColumns, mapping: ColumnMapping): boolean {
  const plain = plainName(name);
  return (plain !== "" && mapping.has(plain)) || findTarget(trimBlanks(name), known) !== null;
}

/** Reads a header: each of its columns fills something, nothing is filled twice, and the required field is filled. */
export function readHeader(
  cells: readonly string[],
  known: KnownColumns,
  mapping: ColumnMapping,
): HeaderReading {
  const names = cells.map(trimBlanks);
  while (names.at(-1) === "") names.pop();
  const faults: HeaderFault[] = [];
  const fault = (message: string) =>
    faults.push({ in: "body", message: `has a header ${message}` });

  const plainNames = new Set(names.map(plainName));
  for (const [key, { column }] of mapping)
    if (key !== "*" && !plainNames.has(key))
      faults.push({
        in: "query",
        message: `names the column ${show(column)}, which the header does not have: it has ${listOf(names)}`,
      });

  const columns = names.map((name, index): Column => {
    const column = readColumn(name, known, mapping);
    if (name === "") fault(`whose column ${index + 1} has no name`);
    else if (isForbidden(column))
      fault(`with the column ${show(name)}: nothing may be called ${[...unsafeKeys].join(", ")}`);
    else if (column.targets.length === 0)
      fault(`with the column ${show(name)}: ${mendOf(name, known)}`);
    return column;
  });

  const filledBy = new Map<string, string>();
  for (const { name, targets } of columns)
    for (const target of targets) {
      const filled = describeTarget(target, known);
      const other = filled === null ? undefined : filledBy.get(filled);
      if (other !== undefined)
        fault(
          `that names a column twice: ${show(other)} and ${show(name)} both fill ${filled}. Say which one does: ?columns=${encodeURIComponent(cutText(name, 100))}:-`,
        );
      if (filled !== null) filledBy.set(filled, name);
    }
  if (!filledBy.has(known.requiredColumn) && faults.length === 0)
    fault(
      `without ${known.requiredColumn}: it has ${listOf(names)}. Say which column it is: ?columns=<column>:${known.requiredColumn}`,
    );
  return faults.length > 0 ? { faults } : { columns };
}

/** What a column fills: as the caller says, as its name says, or as the caller says of those that are not known. */
function readColumn(name: string, known: KnownColumns, mapping: ColumnMapping): Column {
  const said = name === "" ? undefined : mapping.get(plainName(name));
  if (said) return { name, targets: said.targets, said: true };
  const target = name === "" ? null : findTarget(name, known);
  if (target !== null) return { name, targets: [target], said: false };
  const others = name === "" ? [] : (mapping.get("*")?.targets ?? []);
  const targets = others.map((other): Target =>
    other.kind === "part" ? { kind: "part", name } : other,
  );
  return { name, targets, said: true };
}

function findTarget(name: string, known: KnownColumns): Target | null {
  const { columns, otherNames, openField, sideNames } = known;
  const field = columns.get(name);
  if (field !== undefined) return { kind: "field", field };
  if (openField !== undefined && name.toLowerCase().startsWith(`${openField}.`)) {
    const part = trimBlanks(name.slice(openField.length + 1));
    return part === "" ? null : { kind: "part", name: part };
  }
  const plain = plainName(name);
  const other = otherNames.get(plain);
  if (other !== undefined) return { kind: "field", field: other };
  if (!sideNames.has(plain)) return null;
  return openField === undefined ? { kind: "nothing" } : { kind: "part", name };
}

const isForbidden = ({ name, targets }: Column) =>
  targets.length === 0
    ? unsafeKeys.has(name)
    : targets.some((target) => target.kind === "part" && unsafeKeys.has(target.name));

function mendOf(name: string, { columns, openField }: KnownColumns): string {
  const names = [...columns.keys()].join(", ");
  const choice =
    openField === undefined ? `one of ${names}` : `${openField}.<name>, or one of ${names}`;
  return `name it ${choice}, or say what it fills: ?columns=${encodeURIComponent(cutText(name, 100))}:<one of these, or - for nothing>; * stands for all that are not known`;
}

/** The name of what a target fills, as a column; null for nothing. */
function describeTarget(target: Target, { columns, openField }: KnownColumns): string | null {
  switch (target.kind) {
    case "field":
      return [...columns].find(([, field]) => field === target.field)![0];
    case "part":
      return `${openField}.${target.name}`;
    case "nothing":
      return null;
  }
}

const show = (name: string) => JSON.stringify(cutText(name, 100));

const maxListed = 20;

const listOf = (names: readonly string[]) =>
  names.slice(0, maxListed).map(show).join(", ") +
  (names.length > maxListed ? ` and ${names.length - maxListed} more` : "");
