/** The place where a text stops being JSON, counted from 1, and what is expected there. */
export interface JsonFault {
  line: number;
  column: number;
  expected: string;
}

// Tokens of RFC 8259, each matched at one place of the text.
const space = /[ \t\n\r]*/y;
// oxlint-disable-next-line no-control-regex
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)/y;

/**
 * Finds the fault in a text that `JSON.parse` refused, whose own message names a place only sometimes. It takes time in proportion to
 * the length of the text, and does not recurse.
 */
export function locateJsonFault(text: string): JsonFault {
  let at = 0;
  const open: ("]" | "}")[] = [];
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const takeCharacter = (character: string): boolean => {
    take(space);
    if (text[at] !== character) return false;
    at += 1;
    return true;
  };
  const fault = (expected: string): JsonFault => {
    take(space);
    const before = text.slice(0, at).split("\n");
    return { line: before.length, column: before.at(-1)!.length + 1, expected };
  };

  /** Takes a key and its colon, after `{` or `,`. Returns what is missing, or null. */
  const takeKey = (): string | null => {
    take(space);
    if (!take(string))
      return text[at] === '"'
        ? "a string that is closed and whose control characters are escaped"
        : "a key in double quotes";
    return takeCharacter(":") ? null : "a colon";
  };

  for (;;) {
    take(space);
    if (takeCharacter("[")) {
      open.push("]");
      if (!takeCharacter("]")) continue;
      open.pop();
    } else if (takeCharacter("{")) {
      open.push("}");
      if (!takeCharacter("}")) {
        const missing = takeKey();
        if (missing) return fault(missing);
        continue;
      }
      open.pop();
    } else if (!take(string) && !take(scalar)) {
      return fault(
        text[at] === '"'
          ? "a string that is closed and whose control characters are escaped"
          : "a value",
      );
    }
    for (;;) {
      const closing = open.at(-1);
      if (closing === undefined) return fault("the end of the text");
      if (takeCharacter(closing)) {
        open.pop();
        continue;
      }
      if (!takeCharacter(",")) return fault(`a comma or ${closing}`);
      const missing = closing === "}" ? takeKey() : null;
      if (missing) return fault(missing);
      break;
    }
  }
}
