import type { WhiteSpace } from "./element-style.ts";

/** White space of HTML, and the blank that does not break: both are a blank in plain text. */
const whiteSpace = /[ \t\n\f\r\u00a0]{2,}|[\t\n\f\r\u00a0]/g;
const collapsible = /[\t\n\f\r\u00a0]| {2}/;

/** One blank for each run of white space. */
export const collapseBlanks = (text: string) =>
  collapsible.test(text) ? text.replaceAll(whiteSpace, " ") : text;

/**
 * Characters that take no room, and a blank as wide as a digit: in runs, and beside blanks, they are filler that keeps a mail
 * program's list from showing more than the preheader. One between letters, as in Persian or within an emoji, has a meaning.
 */
const filler = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200d\u2007\u2060-\u2064\ufeff";
const hasFiller = new RegExp(`[${filler}]`);
const fillerRuns = new RegExp(`[ ${filler}]{2,}`, "g");
const fillerAtEdges = new RegExp(`^[ ${filler}]|[ ${filler}]$`, "g");

/** Deeper lists and quotations are no longer indented, so that a text is not many times its HTML. */
const prefixLimit = 60;

/** Where a piece of text began: after so many lines, and so many pieces of the next. */
export interface Place {
  line: number;
  piece: number;
}

/** Where the mark of an item stands: the line, and the characters before it. */
export interface MarkPlace {
  line: number;
  column: number;
}

/** Writes text as HTML lays it out: white space collapses, blocks begin lines, of blank lines there is at most one in a row. */
export class TextLines {
  readonly #texts: string[] = [];
  /** What stands before each line: indentation, and the mark of an item or a quotation. */
  readonly #prefixes: string[] = [];
  /** Lines that have a blank line before them. */
  readonly #apart: boolean[] = [];
  /** The line that is being written. Joined once: adding to one text and looking at it in turn copies it each time. */
  #line: string[] = [];
  #wantsBlank = false;
  #wantsBlankLine = false;
  #prefix = "";
  /** Of the next line only. */
  #firstPrefix: string | null = null;
  /** Where the last address of a link ended. */
  #addressEnd: Place = { line: -1, piece: 0 };

  /** Lines that were ended. */
  get count(): number {
    return this.#texts.length;
  }

  write(text: string, space: WhiteSpace): void {
    if (space === "normal") return this.#collapse(text);
    const [first, ...rest] = text.split("\n");
    const write = (line: string) =>
      space === "lines" ? this.#collapse(line) : this.#append(line.replaceAll("\u00a0", " "));
    write(first!);
    for (const line of rest) {
      this.breakLine();
      write(line);
    }
  }

  #collapse(text: string): void {
    if (text === "") return;
    const words = collapseBlanks(text);
    const begin = words.charCodeAt(0) === 0x20 ? 1 : 0;
    const end = words.charCodeAt(words.length - 1) === 0x20 ? words.length - 1 : words.length;
    if (begin === 1) this.#wantsBlank = true;
    if (begin >= end) return;
    this.#append(begin === 0 && end === words.length ? words : words.slice(begin, end));
    this.#wantsBlank = end < words.length;
  }

  #append(text: string): void {
    if (text === "") return;
    if (this.#wantsBlank && this.#line.length > 0) this.#line.push(" ");
    this.#wantsBlank = false;
    this.#line.push(text);
  }

  /** At least one blank between what was written and what will be, if both are on one line. */
  separate(): void {
    this.#wantsBlank = true;
  }

  /** As `<br>`: ends the line, or leaves a blank one. */
  breakLine(): void {
    if (this.#line.length === 0) this.#wantsBlankLine = true;
    else this.endLine();
  }

  /** Ends the line if there is anything on it. */
  endLine(): void {
    this.#wantsBlank = false;
    if (this.#line.length === 0) return;
    const text = finished(this.#line.length === 1 ? this.#line[0]! : this.#line.join(""));
    this.#line = [];
    if (text !== "") this.#push(text);
  }

  #push(text: string): void {
    this.#texts.push(text);
    this.#prefixes.push(this.#firstPrefix ?? this.#prefix);
    this.#apart.push(this.#wantsBlankLine);
    this.#firstPrefix = null;
    this.#wantsBlankLine = false;
  }

  /** Ends the line, and leaves a blank one before the next. */
  leaveBlankLine(): void {
    this.endLine();
    this.#wantsBlankLine = true;
  }

  /** Begins a part with a mark on its first line, and as much indentation, or `rest`, on the others. Returns what `outdent` needs. */
  indent(mark: string, rest = " ".repeat(mark.length)): string {
    this.endLine();
    const outer = this.#prefix;
    this.#firstPrefix = (this.#firstPrefix ?? outer) + mark;
    if (outer.length < prefixLimit) this.#prefix += rest;
    return outer;
  }

  /** Ends a part that `indent` began; one without a line leaves its mark where `keepsMark`. */
  outdent(outer: string, keepsMark: boolean): void {
    this.endLine();
    if (this.#firstPrefix !== null && keepsMark) {
      this.#firstPrefix = this.#firstPrefix.trimEnd();
      this.#push("");
    }
    this.#firstPrefix = null;
    this.#prefix = outer;
  }

  /** Where the mark of the next line will stand. */
  get markPlace(): MarkPlace {
    return { line: this.#texts.length, column: (this.#firstPrefix ?? this.#prefix).length };
  }

  /** Puts another mark in the place of one. */
  replaceMark({ line, column }: MarkPlace, old: string, mark: string): void {
    const prefix = this.#prefixes[line];
    if (prefix?.startsWith(old, column))
      this.#prefixes[line] = prefix.slice(0, column) + mark + prefix.slice(column + old.length);
  }

  /** What was written since `place`. */
  since(place: Place): string {
    const { line, piece } = place;
    if (line === this.#texts.length) return this.#line.slice(piece).join("").trim();
    return [...this.#texts.slice(line), this.#line.join("")].join(" ").trim();
  }

  /** Writes the address of a link after its text, wherever that ended. */
  writeAddress(address: string, begin: Place): void {
    const mark = `[${address}]`;
    if (this.#line.length === 0 && this.#texts.length > begin.line)
      this.#texts[this.#texts.length - 1] += ` ${mark}`;
    else {
      const trailingBlank = this.#wantsBlank;
      if (this.#line.length > begin.piece || begin.line < this.#texts.length) this.separate();
      this.#append(mark);
      this.#wantsBlank = trailingBlank;
    }
    this.#addressEnd = this.#here();
  }

  /** A link begins: never right at the address of another. */
  beginLink(): Place {
    const here = this.#here();
    const { line, piece } = this.#addressEnd;
    if (line === here.line && piece === here.piece) this.separate();
    return here;
  }

  #here(): Place {
    return { line: this.#texts.length, piece: this.#line.length };
  }

  /** Must a blank line come before the next? */
  get isApart(): boolean {
    return this.#wantsBlankLine;
  }

  /**
   * Puts the cells of a row on one line if each has but one. The row begins at a line, apart from what is above or not; `begins` are the
   * lines at which its cells begin.
   */
  joinRow(begin: number, isApart: boolean, begins: readonly number[]): void {
    this.endLine();
    const cells = this.#texts.length - begin;
    if (cells < 2 || begins.length !== cells || begins.some((line, at) => line !== begin + at))
      return;
    const outer = this.#prefix.length;
    const row = this.#texts
      .slice(begin)
      .map((text, at) => (at === 0 ? text : this.#prefixes[begin + at]!.slice(outer) + text));
    this.#texts.length = this.#prefixes.length = this.#apart.length = begin + 1;
    this.#texts[begin] = row.join(" ");
    this.#apart[begin] = isApart;
    this.#wantsBlankLine = false;
  }

  end(): string {
    this.endLine();
    let text = "";
    for (let line = 0; line < this.#texts.length; line += 1) {
      if (line > 0) text += this.#apart[line] ? "\n\n" : "\n";
      text += this.#prefixes[line]! + this.#texts[line]!;
    }
    return text;
  }
}

function finished(line: string): string {
  if (!hasFiller.test(line)) return line.trimEnd();
  return line
    .replace(fillerRuns, (run) => (!hasFiller.test(run) ? run : run.includes(" ") ? " " : ""))
    .replace(fillerAtEdges, "")
    .trimEnd();
}
