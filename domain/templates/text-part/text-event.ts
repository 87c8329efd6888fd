import type { WhiteSpace } from "./element-style.ts";
import type { Order } from "./list-marks.ts";

/**
 * What HTML tells of its text, in order. Two texts in a row say the same as one, so that it does not matter where they are cut.
 */
export type TextEvent =
  | { kind: "text"; text: string; space: WhiteSpace }
  | { kind: "image"; alternative: string }
  | { kind: "rule" }
  /** At least a blank between what comes before and after, if they are on one line. */
  | { kind: "gap" }
  | { kind: "break" }
  /** The line ends; a blank one follows where that is said. */
  | { kind: "block"; isApart: boolean }
  | { kind: "list"; order: Order | null }
  | { kind: "list-end" }
  /** `inList` is false for one without a list; `value` is a number of its own. */
  | { kind: "item"; inList: boolean; value: number | null; isMarked: boolean }
  | { kind: "indent"; first: string; rest: string }
  | { kind: "indent-end"; keepsMark: boolean }
  | { kind: "link" }
  | { kind: "link-end"; href: string; isVisible: boolean }
  | { kind: "row" }
  | { kind: "row-end" }
  | { kind: "cell" }
  | { kind: "cell-end" };
