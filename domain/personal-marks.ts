import { addressSpellings } from "./address.ts";
import { escapePattern } from "./text.ts";

/** What stands where something of an erased person stood. */
const erasedText = "[erased]";

/** A scalar in a person's attributes, and the least object that contains it in its place. */
export interface AttributeMark {
  value: string | number;
  /** For PostgreSQL's `@>`. */
  within: unknown;
}

/** By what a person may be named elsewhere: in filters, data, keys and the audit trail. */
export interface PersonalMarks {
  /** Addresses and numbers, which name the person wherever they stand, in any case. */
  identifiers: readonly string[];
  externalId: string | null;
  /** These name the person only where nobody else has the same in the same place. */
  attributes: readonly AttributeMark[];
}

/** Of words and ids those that are shorter may mean anything: they only count where the field says whom they name. */
const minWord = 6;
const minText = 2;
const minNumber = 1_000;
/** Attributes are bounded in length; whoever has more scalars than that is looked for by the first ones. */
const maxAttributes = 500;

export function marksOf({
  externalId,
  email,
  phone,
  attributes,
}: {
  externalId: string | null;
  email: string | null;
  phone: string | null;
  attributes: unknown;
}): PersonalMarks {
  const spellings = email === null ? [] : [email, ...addressSpellings(email)];
  return {
    identifiers: [...new Set([...spellings, ...(phone === null ? [] : [phone])])],
    externalId,
    attributes: scalarsOf(attributes, (within) => within).slice(0, maxAttributes),
  };
}

function scalarsOf(value: unknown, wrap: (inner: unknown) => unknown): AttributeMark[] {
  if (typeof value === "string")
    return value.length < minText ? [] : [{ value, within: wrap(value) }];
  if (typeof value === "number")
    return Math.abs(value) < minNumber ? [] : [{ value, within: wrap(value) }];
  if (Array.isArray(value)) return value.flatMap((item) => scalarsOf(item, (at) => wrap([at])));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    scalarsOf(item, (at) => wrap({ [key]: at })),
  );
}

/** Texts of which one stands, in any case, in whatever may name the person, be it text or JSON. */
export const searchTexts = ({ identifiers, externalId, attributes }: PersonalMarks): string[] => [
  ...new Set(
    [...identifiers, ...(externalId === null ? [] : [externalId]), ...attributes.map(textOf)].map(
      asInJson,
    ),
  ),
];

export const textOf = ({ value }: AttributeMark): string => String(value);

/** Without the quotes: a part of a text as JSON has it. */
export const asInJson = (text: string): string => JSON.stringify(text).slice(1, -1);

export interface Redactor {
  text: <Text extends string | null>(text: Text) => Text;
  json: <Value>(value: Value) => Value;
}

/**
 * Makes what takes a person's marks out of texts and JSON. What names nobody comes out as it went in, the very same object.
 * @param unique the values of attributes that nobody else has
 */
export function createRedactor(
  { identifiers, externalId }: Pick<PersonalMarks, "identifiers" | "externalId">,
  unique: readonly (string | number)[] = [],
): Redactor {
  const words = [
    ...(externalId !== null && externalId.length >= minWord ? [externalId] : []),
    ...unique.flatMap((value) => (typeof value === "string" ? [value] : [])),
  ];
  const whole = new Set<unknown>(words);
  const inner = words.filter((word) => word.length >= minWord);
  const numbers = new Set<unknown>(unique.filter((value) => typeof value === "number"));
  const patterns = [
    // Another address may end, or begin, as this one does.
    ...identifiers.map(
      (one) =>
        new RegExp(
          String.raw`(?<![\p{L}\p{N}._+])${escapePattern(one)}(?![\p{L}\p{N}]|[.-][\p{L}\p{N}])`,
          "giu",
        ),
    ),
    ...inner.map(
      (one) => new RegExp(String.raw`(?<![\p{L}\p{N}])${escapePattern(one)}(?![\p{L}\p{N}])`, "gu"),
    ),
  ];

  const replace = (text: string): string =>
    whole.has(text)
      ? erasedText
      : patterns.reduce((result, pattern) => result.replaceAll(pattern, erasedText), text);

  /** `named`: the field says that the value is an external id. */
  function walk(value: unknown, named: boolean): unknown {
    if (typeof value === "string")
      return named && value === externalId ? erasedText : replace(value);
    if (typeof value === "number") return numbers.has(value) ? erasedText : value;
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) {
      const items = value.map((item) => walk(item, named));
      return items.every((item, index) => item === value[index]) ? value : items;
    }
    const isCondition = "field" in value && value.field === "externalId";
    const entries = Object.entries(value).map(
      ([key, item]) => [replace(key), walk(item, isCondition || recipientFields.has(key))] as const,
    );
    return entries.every(([key, item]) => (value as Record<string, unknown>)[key] === item)
      ? value
      : Object.fromEntries(entries);
  }

  return {
    text: (text) => (text === null ? text : replace(text)) as typeof text,
    json: (value) => walk(value, false) as typeof value,
  };
}

/** Fields, in what callers send and the audit trail keeps, whose values are ids of recipients. */
const recipientFields = new Set(["externalId", "recipient", "recipients"]);
