/** Escapes a text for SQL's LIKE. */
export const literalPattern = (text: string) => text.replaceAll(/[\\%_]/g, String.raw`\$&`);

/** A pattern for SQL's LIKE that matches texts which contain this one. */
export const containingPattern = (text: string) => `%${literalPattern(text)}%`;
