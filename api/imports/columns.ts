import { z } from "@hono/zod-openapi";
import { cutText, trimBlanks, unsafeKeys } from "../../domain/text.ts";
import { type CellType, cellTypes } from "./cells.ts";

/** The columns that an import knows, and the fields that they fill. */
export interface KnownColumns {
  /** The documented columns by name, and the field that each fills. */
  columns: ReadonlyMap<string, string>;
  /** Other names of columns, in the form of `plainName`, and the field that each fills. */
  otherNames: ReadonlyMap<string, string>;
  /** The documented column that every header must have. */
  requiredColumn: string;
  /** Fields that hold free text, whose cells are kept unchanged. The cells of all other fields are trimmed. */
  freeText?: ReadonlySet<string>;
  /** The field that holds parts of any name, such as `attributes`. The column `attributes.<name>` fills the part `<name>`. */
  openField?: string;
  /** Names of columns, in the form of `plainName`, that fill the part of the open field with the name of the column, or nothing if there is no open field. */
  sideNames: ReadonlySet<string>;
}

/** The target of a column: a field of a record, a part of its open field, or nothing. */
export type Target =
  | { kind: "field"; field: string }
  | { kind: "part"; name: string }
  | { kind: "nothing" };

/** The targets that a caller gives to columns, by the `plainName` of each column, or `*` for all unknown columns. */
export type ColumnMapping = ReadonlyMap<string, { column: string; targets: Target[] }>;

/** Reduces the name of a column to a form without case, spaces and punctuation, in which spellings differ. */
export const plainName = (name: string): string =>
  name
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, "");

const maxMappingLength = 4_000;

/** Makes the schema of the query parameter that maps columns of CSV to fields. */
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
              ? "must be pairs of a column and the field that it fills, such as Mail:email, separated by commas"
              : `cannot fill ${show(pair.slice(colon + 1))} from the column ${show(column)}: choose one of ${choice}`;
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
        `For CSV: the fields that columns fill, as pairs of the name of a column and one of ${choice}, separated by commas. A column that is named twice fills both fields. ` +
        "`*` stands for all unknown columns" +
        (known.openField === undefined
          ? "."
          : `: \`*:${known.openField}\` makes each fill the part of ${known.openField} with its own name.`),
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
  const field = columns.get(text) ?? [...columns.values()].find((known) => known === text);
  return field === undefined || column === "*" ? null : { kind: "field", field };
}

/** The types of columns, by the name of the part of the open field that each fills. */
export type ColumnTypes = ReadonlyMap<string, CellType>;

/** Makes the schema of the query parameter for the types of the columns of CSV that fill parts of the open field. */
export const typesParameter = (openField: string) =>
  z
    .string()
    .max(maxMappingLength)
    .transform((text, context): ColumnTypes => {
      const types = new Map<string, CellType>();
      for (const pair of text.split(",")) {
        const colon = pair.lastIndexOf(":");
        const name = trimBlanks(pair.slice(0, Math.max(0, colon)));
        const type = cellTypes.find((known) => known === trimBlanks(pair.slice(colon + 1)));
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
        `For CSV: the types of ${openField}, as pairs of a name and one of ${cellTypes.join(", ")}, separated by commas. Without a type a value is text. ` +
        "The items of a list are separated by commas, semicolons or bars, or are a JSON array.",
      example: "age:number,vip:boolean,tags:list",
    });

/** A column of a file: its name in the header, and its targets. */
export interface Column {
  name: string;
  targets: Target[];
  /** Whether the caller mapped the column, by its name or by `*`. */
  mapped: boolean;
}

/** The columns of a file, or the faults of its header. */
export type HeaderReading = { columns: Column[] } | { faults: HeaderFault[] };

interface HeaderFault {
  /** `query` for a fault of the caller's mapping. */
  in: "body" | "query";
  message: string;
}

/** Whether a cell of a header names a column that is known, or that the caller maps. */
export function isKnownColumn(name: string, known: KnownColumns, mapping: ColumnMapping): boolean {
  const plain = plainName(name);
  return (plain !== "" && mapping.has(plain)) || findTarget(trimBlanks(name), known) !== null;
}

/** Reads a header, and checks that each of its columns is mapped or known, that no field is filled twice, and that the required one is filled. */
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
      fault(
        `with the column ${show(name)}: an attribute cannot have the name ${[...unsafeKeys].join(" or ")}`,
      );
    else if (column.targets.length === 0)
      fault(`with the unknown column ${show(name)}: ${suggestFix(name, known)}`);
    return column;
  });

  const filledBy = new Map<string, string>();
  for (const { name, targets } of columns)
    for (const target of targets) {
      const filled = describeTarget(target, known);
      const other = filled === null ? undefined : filledBy.get(filled);
      if (other !== undefined)
        fault(
          `in which ${show(other)} and ${show(name)} both fill ${filled}. Leave one of them out: ?columns=${encodeURIComponent(cutText(name, 100))}:-`,
        );
      if (filled !== null) filledBy.set(filled, name);
    }
  if (!filledBy.has(known.requiredColumn) && faults.length === 0)
    fault(
      `without the column ${known.requiredColumn}: it has ${listOf(names)}. Name the column that fills it: ?columns=<column>:${known.requiredColumn}`,
    );
  return faults.length > 0 ? { faults } : { columns };
}

/** Finds the targets of a column: those that the caller maps it to, the one of its name, or those that the caller maps unknown columns to. */
function readColumn(name: string, known: KnownColumns, mapping: ColumnMapping): Column {
  const own = name === "" ? undefined : mapping.get(plainName(name));
  if (own) return { name, targets: own.targets, mapped: true };
  const target = name === "" ? null : findTarget(name, known);
  if (target !== null) return { name, targets: [target], mapped: false };
  const others = name === "" ? [] : (mapping.get("*")?.targets ?? []);
  const targets = others.map((other): Target =>
    other.kind === "part" ? { kind: "part", name } : other,
  );
  return { name, targets, mapped: true };
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

function suggestFix(name: string, { columns, openField }: KnownColumns): string {
  const names = [...columns.keys()].join(", ");
  const choice =
    openField === undefined ? `one of ${names}` : `${openField}.<name>, or one of ${names}`;
  return `rename it to ${choice}, or map it: ?columns=${encodeURIComponent(cutText(name, 100))}:<one of these, or - for nothing>; * stands for all unknown columns`;
}

/** Describes a target by the name of the documented column that fills it; null for nothing. */
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
