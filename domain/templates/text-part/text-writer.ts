import { isSameAddress, linkAddress } from "./link-address.ts";
import { ListMarks } from "./list-marks.ts";
import type { TextEvent } from "./text-event.ts";
import { type Place, TextLines } from "./text-lines.ts";

/** Writes the text of HTML from its events. */
export class TextWriter {
  readonly #lines = new TextLines();
  readonly #lists: ListMarks[] = [];
  /** The indentation around each indented part. */
  readonly #outer: string[] = [];
  readonly #links: { begin: Place; hasImage: boolean }[] = [];
  /** The open rows: the first line of each, and the first lines of its cells. */
  readonly #rows: { begin: number; isApart: boolean; cells: number[] }[] = [];
  readonly #cells: number[] = [];

  write(event: TextEvent): void {
    const lines = this.#lines;
    switch (event.kind) {
      case "text":
        return lines.write(event.text, event.space);
      case "image":
        return this.#writeImage(event.alternative);
      case "rule":
        return lines.write(rule, "normal");
      case "gap":
        return lines.separate();
      case "break":
        return lines.breakLine();
      case "block":
        return event.isApart ? lines.leaveBlankLine() : lines.endLine();
      case "list":
        this.#lists.push(new ListMarks(event.order));
        return;
      case "list-end":
        return this.#lists.pop()!.end(lines);
      case "item": {
        const marks = event.inList ? this.#lists.at(-1)! : bullets;
        const mark = marks.mark(event.value, lines.markPlace);
        this.#outer.push(lines.indent(event.isMarked ? mark : ""));
        return;
      }
      case "indent":
        this.#outer.push(lines.indent(event.first, event.rest));
        return;
      case "indent-end":
        return lines.outdent(this.#outer.pop()!, event.keepsMark);
      case "link":
        this.#links.push({ begin: lines.beginLink(), hasImage: false });
        return;
      case "link-end":
        return this.#endLink(event.href, event.isVisible);
      case "row":
        this.#rows.push({ begin: lines.count, isApart: lines.isApart, cells: [] });
        return;
      case "row-end": {
        const { begin, isApart, cells } = this.#rows.pop()!;
        return lines.joinRow(begin, isApart, cells);
      }
      case "cell":
        this.#cells.push(lines.count);
        return;
      case "cell-end": {
        const begin = this.#cells.pop()!;
        lines.endLine();
        if (lines.count > begin) this.#rows.at(-1)!.cells.push(begin);
        return;
      }
    }
  }

  end(): string {
    return this.#lines.end();
  }

  #writeImage(alternative: string): void {
    for (const link of this.#links) link.hasImage = true;
    this.#lines.separate();
    this.#lines.write(alternative, "normal");
    this.#lines.separate();
  }

  /** Writes the address of a link, unless its text is the address or nothing of the link is visible. */
  #endLink(href: string, isVisible: boolean): void {
    const { begin, hasImage } = this.#links.pop()!;
    const address = linkAddress(href);
    if (address === null || !isVisible) return;
    const text = this.#lines.since(begin);
    if ((text !== "" || hasImage) && !isSameAddress(text, address))
      this.#lines.writeAddress(address, begin);
  }
}

const rule = "-".repeat(40);

/** The marks of items outside of lists. */
const bullets = new ListMarks(null);
