import { isLimitFault, liquidFault } from "./liquid.ts";

/** A fault in a value from a caller: its place, as a path of keys, and what is wrong with it. */
export interface Fault extends Partial<Position> {
  path: PropertyKey[];
  message: string;
}

/** A place in a template; both count from 1. */
export interface Position {
  line: number;
  column: number;
}

/** Thrown where a part of a message cannot be parsed, or cannot be rendered for a scope. The message names the part and the line, and contains no data. */
export class TemplateError extends Error {
  override name = "TemplateError";
  /** Whether the template reached one of its limits. */
  readonly isBeyondLimit: boolean;
  /** The place of the fault in its template; null where it is not known. */
  readonly position: Position | null;
  /** The part of the message, such as `html` or `actions.0.url`. */
  readonly part: string;
  constructor(part: string, fault: string, isBeyondLimit = false) {
    super(`${part}: ${fault}`);
    this.part = part;
    this.isBeyondLimit = isBeyondLimit;
    const [, line, column] = /, line:(\d+), col:(\d+)/.exec(fault) ?? [];
    this.position = line === undefined ? null : { line: Number(line), column: Number(column) };
  }
}

/** Runs work on a part of a message, and throws its errors as `TemplateError`. */
export function attempt<Result>(part: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof TemplateError) throw error;
    throw new TemplateError(part, liquidFault(error), isLimitFault(error));
  }
}
