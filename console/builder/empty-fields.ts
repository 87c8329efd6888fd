interface Fields {
  attributes: Record<string, unknown>;
  [field: string]: unknown;
}

/** The fields of the recipient that a content uses, such as `attributes.name`. A value with a default counts as used only where it has none. */
export function listFields(content: unknown): string[] {
  const text = JSON.stringify(content) ?? "";
  const found = new Set<string>();
  for (const [tag] of text.matchAll(/\{\{.*?\}\}|\{%.*?%\}/g)) {
    if (/\|\s*default\b/.test(tag)) continue;
    for (const [, field] of tag.matchAll(/\brecipient\.((?:attributes\.)?[A-Za-z_][\w-]*)/g))
      found.add(field!);
  }
  return [...found];
}

/** Those of the fields that a recipient lacks, or that are empty. */
export const findEmptyFields = (fields: readonly string[], recipient: object): string[] =>
  fields.filter((field) => {
    const [first, second] = field.split(".");
    const value = (recipient as Fields)[first!];
    const found = second === undefined ? value : (recipient as Fields).attributes[second];
    return found === undefined || found === null || found === "";
  });
