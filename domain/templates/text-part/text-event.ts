import type { WhiteSpace } from "./element-style.ts";
import type { Order } from "./list-marks.ts";

/**
 * An event in the text of HTML. Two `text` events in a row mean the same as one, so that it does not matter where a text is cut.
 */
export type TextEvent =
  | { kind: "text"; text: string; space: WhiteSpace }
  | { kind: "image"; alternative: string }
  | { kind: "rule" }
  /** At least one blank separates the texts before and after, if they are on one line. */
  | { kind: "gap" }
  | { kind: "break" }
  /** The line ends. With `isApart`, a blank line follows. */
  | { kind: "block"; isApart: boolean }
  | { kind: "list"; order: Order | null }
  | { kind: "list-end" }
  /** `inList` is false for an item outside of lists. `value` is the item's own number, if it has one. */
  | { kind: "item"; inList: boolean; value: number | null; isMarked: boolean }
  | { kind: "indent"; first: string; rest: string }
  | { kind: "indent-end"; keepsMark: boolean }
  | { kind: "link" }
  | { kind: "link-end"; href: string; isVisible: boolean }
  | { kind: "row" }
  | { kind: "row-end" }
  | { kind: "cell" }
  | { kind: "cell-end" };
