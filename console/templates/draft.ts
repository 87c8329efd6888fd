import type { Language } from "../editor/languages.ts";
import { contentChannels, textFields } from "./fields.ts";
import { channelWords } from "../words/statuses.ts";
import type { Json, JsonObject } from "../parts/json-schema.ts";
import type { Version } from "./queries.ts";

/** What is edited: the content as its author writes it, and the variables as the text of a JSON Schema. */
export interface Draft {
  content: JsonObject;
  variables: string;
}

/** The path of a field in the content, such as `["email", "html"]`. */
export type Path = readonly string[];

/** Returns a version as it was written, with the tags of its layouts. */
export const draftOf = ({ content, source, variables }: Version): Draft => ({
  content: (source ?? content) as unknown as JsonObject,
  variables: JSON.stringify(variables, null, 2),
});

export const emptyDraft: Draft = {
  content: {
    email: {
      subject: "Hello {{ recipient.attributes.name }}",
      html: "<p>Hello {{ recipient.attributes.name }},</p>\n<p>write your message here.</p>\n",
    },
  },
  variables: JSON.stringify({ type: "object", properties: {} }, null, 2),
};

export const isSameDraft = (a: Draft, b: Draft) =>
  a.variables === b.variables && JSON.stringify(a.content) === JSON.stringify(b.content);

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Returns what a path of the content leads to; undefined if there is nothing. */
export function readAt(content: JsonObject, path: Path): Json | undefined {
  let value: Json | undefined = content;
  for (const name of path)
    value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}

export function readText(content: JsonObject, path: Path): string {
  const value = readAt(content, path);
  return typeof value === "string" ? value : "";
}

/** Returns the content with another value at a path; without the value if it is undefined. */
export function writeAt(content: JsonObject, path: Path, value: Json | undefined): JsonObject {
  const [name, ...rest] = path;
  if (name === undefined) return content;
  const inner = content[name];
  const next = rest.length === 0 ? value : writeAt(isObject(inner) ? inner : {}, rest, value);
  const { [name]: _before, ...others } = content;
  // A field keeps its place, so that texts compare well.
  if (next !== undefined)
    return name in content ? { ...content, [name]: next } : { ...others, [name]: next };
  return others;
}

/** The path of the parts of a locale; of the default content without one. */
export const localePath = (locale: string | undefined): Path =>
  locale === undefined ? [] : ["locales", locale];

export const localesOf = (content: JsonObject): string[] => {
  const locales = readAt(content, ["locales"]);
  return isObject(locales) ? Object.keys(locales).toSorted() : [];
};

/** Parses a JSON object; null if the text is none. */
export function parseObject(text: string): JsonObject | null {
  try {
    const value = JSON.parse(text) as Json;
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** A text that differs between two drafts. */
export interface Difference {
  /** Its name in words, such as `Email, HTML (de)`. */
  name: string;
  language: Language;
  before: string;
  after: string;
}

/** Lists what differs between two drafts: each text, and what else a channel has as JSON. */
export function compareDrafts(before: Draft, after: Draft): Difference[] {
  const tags = [...new Set([...localesOf(before.content), ...localesOf(after.content)])];
  const found: Difference[] = [];
  for (const locale of [undefined, ...tags])
    for (const channel of contentChannels) {
      const path = [...localePath(locale), channel];
      const suffix = locale === undefined ? "" : ` (${locale})`;
      for (const { name, label, language } of textFields[channel])
        found.push({
          name: `${channelWords[channel]}, ${label}${suffix}`,
          language,
          before: readText(before.content, [...path, name]),
          after: readText(after.content, [...path, name]),
        });
      const rest = (content: JsonObject) => {
        const parts = readAt(content, path);
        if (!isObject(parts)) return "";
        const others = Object.entries(parts).filter(
          ([name]) => !textFields[channel].some((field) => field.name === name),
        );
        return others.length === 0 ? "" : JSON.stringify(Object.fromEntries(others), null, 2);
      };
      found.push({
        name: `${channelWords[channel]}, settings${suffix}`,
        language: "json",
        before: rest(before.content),
        after: rest(after.content),
      });
    }
  found.push({
    name: "Variables",
    language: "json",
    before: before.variables,
    after: after.variables,
  });
  return found.filter((each) => each.before !== each.after);
}
