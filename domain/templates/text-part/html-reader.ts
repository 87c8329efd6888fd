import { Tokenizer, type TokenizerCallbacks } from "htmlparser2";
import { type ElementKind, knownKind, role, rowKind, unknownKind } from "./element-kinds.ts";
import { type ElementStyle, readStyle, type WhiteSpace } from "./element-style.ts";
import { readOrder } from "./list-marks.ts";
import { StyleSheet } from "./style-sheet.ts";
import type { TextEvent } from "./text-event.ts";

/** Elements within elements, as many as Blink has: what is deeper counts as beside. */
const depthLimit = 512;

/** Attributes that decide what an element says. */
export const tellingAttributes: ReadonlySet<string> = new Set(
  "style hidden href alt start reversed type value class id".split(" "),
);

/** Tells, in order, what HTML says. Takes time in proportion to the HTML, whatever that holds. */
export function readHtml(html: string, tell: (event: TextEvent) => void): void {
  const tokenizer = new Tokenizer({}, new Reader(html, tell));
  tokenizer.write(html);
  tokenizer.end();
}

/** An element that has begun and not yet ended. */
interface OpenElement {
  kind: ElementKind;
  /** Roles of it and of all around it. */
  roles: number;
  display: ElementStyle["display"];
  /** It has no box, and nothing in it has. */
  gone: boolean;
  invisible: boolean;
  /** Its text has no size; its images have. */
  sizeless: boolean;
  space: WhiteSpace;
  hasMarkers: boolean;
  /** What has to be told at its end, before it ends as a block. */
  end: TextEvent | null;
}

type Attributes = ReadonlyMap<string, string>;

const none: Attributes = new Map();

const root: OpenElement = {
  kind: unknownKind(""),
  roles: 0,
  display: null,
  gone: false,
  invisible: false,
  sizeless: false,
  space: "normal",
  hasMarkers: true,
  end: null,
};

class Reader implements TokenizerCallbacks {
  readonly #html: string;
  readonly #tell: (event: TextEvent) => void;
  readonly #styles = new StyleSheet();
  readonly #unknownKinds = new Map<string, ElementKind>();
  readonly #open: OpenElement[] = [];
  #top = root;
  /** Of the tag that is being read. */
  #kind = root.kind;
  readonly #attributes = new Map<string, string>();
  #attribute: string | null = null;
  #value = "";

  constructor(html: string, tell: (event: TextEvent) => void) {
    this.#html = html;
    this.#tell = tell;
  }

  ontext(start: number, end: number): void {
    const text = this.#html.slice(start, end);
    if (this.#top.kind.name === "style") this.#styles.add(text);
    else this.#tellText(text);
  }

  ontextentity(codePoint: number): void {
    this.#tellText(String.fromCodePoint(codePoint));
  }

  onopentagname(start: number, end: number): void {
    this.#kind = this.#kindOf(this.#html.slice(start, end));
    if (this.#attributes.size > 0) this.#attributes.clear();
  }

  onattribname(start: number, end: number): void {
    const name = this.#html.slice(start, end).toLowerCase();
    // Of two of a name, the first counts.
    this.#attribute = tellingAttributes.has(name) && !this.#attributes.has(name) ? name : null;
    this.#value = "";
  }

  onattribdata(start: number, end: number): void {
    if (this.#attribute !== null) this.#value += this.#html.slice(start, end);
  }

  onattribentity(codePoint: number): void {
    if (this.#attribute !== null) this.#value += String.fromCodePoint(codePoint);
  }

  onattribend(): void {
    if (this.#attribute !== null) this.#attributes.set(this.#attribute, this.#value);
  }

  onopentagend(): void {
    this.#begin(this.#kind, this.#attributes);
  }

  onselfclosingtag(): void {
    this.#begin(this.#kind, this.#attributes);
  }

  onclosetag(start: number, end: number): void {
    const kind = this.#kindOf(this.#html.slice(start, end));
    if (kind.name === "br") this.#begin(kind, none);
    else this.#endNamed(kind);
  }

  onend(): void {
    while (this.#open.length > 0) this.#endTop();
  }

  // Comments, declarations and the like say nothing.
  oncdata(): void {}
  oncomment(): void {}
  ondeclaration(): void {}
  onprocessinginstruction(): void {}

  #kindOf(written: string): ElementKind {
    const known = knownKind(written);
    if (known) return known;
    const name = written.toLowerCase();
    let kind = knownKind(name) ?? this.#unknownKinds.get(name);
    if (!kind) this.#unknownKinds.set(name, (kind = unknownKind(name)));
    return kind;
  }

  #tellText(text: string): void {
    const { gone, invisible, sizeless, space } = this.#top;
    if (!gone && !invisible && !sizeless) this.#tell({ kind: "text", text, space });
  }

  #begin(kind: ElementKind, attributes: Attributes): void {
    for (const { ended, within } of kind.ends) this.#endUnended(ended, within);
    if (kind.roles === role.cell && !this.#hasOpen(role.row, role.table | role.cell))
      this.#begin(rowKind, none);
    const element = this.#read(kind, attributes);
    if (!element.gone) {
      this.#tellBox(element);
      this.#tellBegin(element, attributes);
    }
    if (kind.isVoid) return;
    if (this.#open.length < depthLimit) {
      this.#open.push(element);
      this.#top = element;
    } else if (element.end) this.#tell(element.end);
  }

  #read(kind: ElementKind, attributes: Attributes): OpenElement {
    const outer = this.#top;
    const written =
      this.#styles.declarationsFor(kind.name, attributes) + (attributes.get("style") ?? "");
    const style = written === "" ? null : readStyle(written);
    const display = style?.display ?? (attributes.has("hidden") ? "none" : null);
    const isVisible = style?.isVisible ?? null;
    const hasFontSize = style?.hasFontSize ?? null;
    return {
      kind,
      roles: outer.roles | kind.roles,
      display,
      gone: outer.gone || kind.isHidden || display === "none" || style?.isCutAway === true,
      invisible: isVisible === null ? outer.invisible : !isVisible,
      sizeless: hasFontSize === null ? outer.sizeless : !hasFontSize,
      space: style?.space ?? kind.space ?? outer.space,
      hasMarkers: style?.hasMarkers ?? (kind.roles === role.list || outer.hasMarkers),
      end: null,
    };
  }

  /** Blocks stand on lines of their own, and what is laid out as a box in a line has room around it. */
  #tellBox({ kind, display }: OpenElement): void {
    if (display === "inline-block" && !kind.isBlock) return this.#tell({ kind: "gap" });
    const isBlock = display === null || kind.isVoid ? kind.isBlock : display !== "inline";
    if (!isBlock) return;
    const isNestedList =
      kind.roles === role.list && this.#hasOpen(role.item, role.cell | role.table);
    this.#tell({ kind: "block", isApart: kind.isApart && !isNestedList });
  }

  #tellBegin(element: OpenElement, attributes: Attributes): void {
    switch (element.kind.name) {
      case "br":
        return this.#tell({ kind: "break" });
      case "hr":
        this.#tell({ kind: "rule" });
        return this.#tellBox(element);
      case "img":
        if (!element.invisible)
          this.#tell({ kind: "image", alternative: attributes.get("alt") ?? "" });
        return;
      case "a":
        if (!attributes.has("href")) return;
        element.end = {
          kind: "link-end",
          href: attributes.get("href")!,
          isVisible: !element.invisible,
        };
        return this.#tell({ kind: "link" });
      case "ol":
        element.end = { kind: "list-end" };
        return this.#tell({ kind: "list", order: readOrder(attributes) });
      case "ul":
      case "menu":
      case "dir":
        element.end = { kind: "list-end" };
        return this.#tell({ kind: "list", order: null });
      case "li":
        return this.#tellItem(element, attributes.get("value") ?? "");
      case "dd":
        element.end = { kind: "indent-end", keepsMark: false };
        return this.#tell({ kind: "indent", first: "  ", rest: "  " });
      case "blockquote":
        element.end = { kind: "indent-end", keepsMark: false };
        return this.#tell({ kind: "indent", first: "> ", rest: "> " });
      case "tr":
        element.end = { kind: "row-end" };
        return this.#tell({ kind: "row" });
      case "td":
      case "th":
        // Beyond the limit of depth its row has ended.
        if (!this.#hasOpen(role.row, role.table | role.cell)) return;
        element.end = { kind: "cell-end" };
        return this.#tell({ kind: "cell" });
    }
  }

  #tellItem(element: OpenElement, value: string): void {
    const { display, hasMarkers, invisible } = element;
    if (display !== null && display !== "list-item") return;
    const number = /^\s*-?\d{1,9}/.exec(value);
    element.end = { kind: "indent-end", keepsMark: !invisible };
    this.#tell({
      kind: "item",
      inList: this.#hasOpen(role.list, role.cell | role.table),
      value: number && Number(number[0]),
      isMarked: hasMarkers,
    });
  }

  /** The innermost element of some roles, if none of other roles lies within it. */
  #findOpen(roles: number, within: number): OpenElement | null {
    for (let depth = this.#open.length - 1; depth >= 0; depth -= 1) {
      const element = this.#open[depth]!;
      if ((element.roles & roles) === 0) return null;
      if ((element.kind.roles & roles) !== 0) return element;
      if ((element.kind.roles & within) !== 0) return null;
    }
    return null;
  }

  #hasOpen(roles: number, within: number): boolean {
    return this.#findOpen(roles, within) !== null;
  }

  #endUnended(ended: number, within: number): void {
    const element = this.#findOpen(ended, within);
    if (element) this.#endThrough(element);
  }

  #endNamed(kind: ElementKind): void {
    for (let depth = this.#open.length - 1; depth >= 0; depth -= 1) {
      const element = this.#open[depth]!;
      if (element.kind === kind) return this.#endThrough(element);
      if ((element.kind.roles & kind.closesWithin) !== 0) break;
    }
    // The end of what has not begun is nothing, but for an empty paragraph.
    if (kind.roles !== role.paragraph) return;
    this.#begin(kind, none);
    if (this.#top.kind === kind) this.#endTop();
  }

  #endThrough(element: OpenElement): void {
    while (this.#top !== element) this.#endTop();
    this.#endTop();
  }

  #endTop(): void {
    const element = this.#open.pop()!;
    this.#top = this.#open.at(-1) ?? root;
    if (element.gone) return;
    if (element.end) this.#tell(element.end);
    this.#tellBox(element);
  }
}
