import type { WhiteSpace } from "./element-style.ts";

/** White space of HTML, and the no-break space: both become a blank in plain text. */
const whiteSpace = /[ \t\n\f\r\u00a0]{2,}|[\t\n\f\r\u00a0]/g;
const collapsible = /[\t\n\f\r\u00a0]| {2}/;

/** Replaces each run of white space with one blank. */
export const collapseBlanks = (text: string) =>
  collapsible.test(text) ? text.replaceAll(whiteSpace, " ") : text;

/**
 * Characters without width, and a blank as wide as a digit. In runs and beside blanks they are filler, which keeps the inbox of a mail program
 * from showing more than the preheader. A single one between letters, as in Persian or within an emoji, has a meaning.
 */
const filler = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200d\u2007\u2060-\u2064\ufeff";
const hasFiller = new RegExp(`[${filler}]`);
const fillerRuns = new RegExp(`[ ${filler}]{2,}`, "g");
const fillerAtEdges = new RegExp(`^[ ${filler}]|[ ${filler}]$`, "g");

/** The longest indentation. It keeps a text from being many times as long as its HTML. */
const prefixLimit = 60;

/** The beginning of a piece of text: the number of lines, and the number of pieces in the next line, before it. */
export interface Place {
  line: number;
  piece: number;
}

/** The place of an item's mark: its line, and the number of characters before it. */
export interface MarkPlace {
  line: number;
  column: number;
}

/** Writes text with the layout of HTML: white space collapses, blocks begin lines, and there is at most one blank line in a row. */
export class TextLines {
  readonly #texts: string[] = [];
  /** The text before each line: indentation, and the mark of an item or a quotation. */
  readonly #prefixes: string[] = [];
  /** For each line, whether a blank line precedes it. */
  readonly #apart: boolean[] = [];
  /** The pieces of the current line, joined only once: appending to a string and reading it in turn would copy it each time. */
  #line: string[] = [];
  #wantsBlank = false;
  #wantsBlankLine = false;
  #prefix = "";
  /** The prefix of the next line only. */
  #firstPrefix: string | null = null;
  /** The end of the last address of a link. */
  #addressEnd: Place = { line: -1, piece: 0 };

  /** The number of finished lines. */
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

  /** Separates the texts before and after by at least one blank, if both are on one line. */
  separate(): void {
    this.#wantsBlank = true;
  }

  /** Ends the line, or leaves a blank line if nothing is on it, as `<br>` does. */
  breakLine(): void {
    if (this.#line.length === 0) this.#wantsBlankLine = true;
    else this.endLine();
  }

  /** Ends the line if there is anything on it. */
  endLine(): void {
    this.#wantsBlank = false;
    if (this.#line.length === 0) return;
    const text = trimFiller(this.#line.length === 1 ? this.#line[0]! : this.#line.join(""));
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

  /** Ends the line, and leaves a blank line before the next. */
  leaveBlankLine(): void {
    this.endLine();
    this.#wantsBlankLine = true;
  }

  /** Begins an indented part: `mark` is before its first line and `rest` before the others. Returns the argument for `outdent`. */
  indent(mark: string, rest = " ".repeat(mark.length)): string {
    this.endLine();
    const outer = this.#prefix;
    this.#firstPrefix = (this.#firstPrefix ?? outer) + mark;
    if (outer.length < prefixLimit) this.#prefix += rest;
    return outer;
  }

  /** Ends a part that `indent` began. With `keepsMark`, the mark of an empty part is kept. */
  outdent(outer: string, keepsMark: boolean): void {
    this.endLine();
    if (this.#firstPrefix !== null && keepsMark) {
      this.#firstPrefix = this.#firstPrefix.trimEnd();
      this.#push("");
    }
    this.#firstPrefix = null;
    this.#prefix = outer;
  }

  /** The place of the mark of the next line. */
  get markPlace(): MarkPlace {
    return { line: this.#texts.length, column: (this.#firstPrefix ?? this.#prefix).length };
  }

  /** Replaces a mark. */
  replaceMark({ line, column }: MarkPlace, old: string, mark: string): void {
    const prefix = this.#prefixes[line];
    if (prefix?.startsWith(old, column))
      this.#prefixes[line] = prefix.slice(0, column) + mark + prefix.slice(column + old.length);
  }

  /** Returns the text that was written since `place`. */
  since(place: Place): string {
    const { line, piece } = place;
    if (line === this.#texts.length) return this.#line.slice(piece).join("").trim();
    return [...this.#texts.slice(line), this.#line.join("")].join(" ").trim();
  }

  /** Writes the address of a link directly after the end of its text. */
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

  /** Begins a link, with a blank after the address of another link. */
  beginLink(): Place {
    const here = this.#here();
    const { line, piece } = this.#addressEnd;
    if (line === here.line && piece === here.piece) this.separate();
    return here;
  }

  #here(): Place {
    return { line: this.#texts.length, piece: this.#line.length };
  }

  /** Whether a blank line precedes the next line. */
  get isApart(): boolean {
    return this.#wantsBlankLine;
  }

  /**
   * Joins the cells of a row into one line if each cell has only one line. `begin` is the first line of the row, `isApart` whether a blank line
   * precedes it, and `begins` are the first lines of its cells.
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

function trimFiller(line: string): string {
  if (!hasFiller.test(line)) return line.trimEnd();
  return line
    .replace(fillerRuns, (run) => (!hasFiller.test(run) ? run : run.includes(" ") ? " " : ""))
    .replace(fillerAtEdges, "")
    .trimEnd();
}
