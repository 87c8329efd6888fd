import { contentChannels, type ContentParts, type LocalizedContent } from "./content-parts.ts";

/** Returns a language tag and the tags that it falls back to, such as de-AT and de, the most specific first (RFC 4647, 3.4). */
export function fallbacks(tag: string): string[] {
  const parts = tag.split("-");
  const tags: string[] = [];
  for (let length = parts.length; length > 0; length -= 1) {
    // A singleton only introduces the subtags after it.
    if (length === 1 || parts[length - 1]!.length > 1) tags.push(parts.slice(0, length).join("-"));
  }
  return tags;
}

/** Finds the locale of a content that fits a recipient's language tag best; null for the default content. */
export function matchLocale({ locales }: LocalizedContent, tag: string): string | null {
  if (locales === undefined) return null;
  return fallbacks(tag).find((candidate) => Object.hasOwn(locales, candidate)) ?? null;
}

/**
 * Returns the content of a locale: its own fields, then those of the more general locales, then those of the default content. A locale with
 * HTML of its own does not take the text part from elsewhere, which would be in another language.
 */
export function localizeContent(
  content: LocalizedContent,
  locale: string | null,
): LocalizedContent {
  const { locales, ...merged } = content;
  if (locale === null || locales === undefined) return content;
  for (const tag of fallbacks(locale).toReversed())
    if (Object.hasOwn(locales, tag)) mergeParts(merged, locales[tag]!);
  return merged;
}

function mergeParts(content: LocalizedContent, parts: ContentParts): void {
  for (const channel of contentChannels) {
    const part = parts[channel];
    if (part === undefined) continue;
    const fields: Record<string, unknown> = { ...content[channel], ...part };
    if ("html" in part && !("text" in part)) delete fields["text"];
    // What a merged content lacks is refused when it is saved.
    Object.assign(content, { [channel]: fields });
  }
}
