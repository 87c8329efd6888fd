/** For SQL's LIKE: nothing in the text stands for anything else. */
export const literalPattern = (text: string) => text.replaceAll(/[\\%_]/g, String.raw`\$&`);

/** For SQL's LIKE: texts that hold this one. */
export const containingPattern = (text: string) => `%${literalPattern(text)}%`;
