import { Tokenizer, type TokenizerCallbacks } from "htmlparser2";
import { type ElementKind, knownKind, role, rowKind, unknownKind } from "./element-kinds.ts";
import { type ElementStyle, readStyle, type WhiteSpace } from "./element-style.ts";
import { readOrder } from "./list-marks.ts";
import { StyleSheet } from "./style-sheet.ts";
import type { TextEvent } from "./text-event.ts";

/** How deep elements may nest, as in Blink. Deeper elements count as siblings. */
const depthLimit = 512;

/** Attributes that decide which text an element has. */
export const textAttributes: ReadonlySet<string> = new Set(
  "style hidden href alt start reversed type value class id".split(" "),
);

/** Reads HTML and emits the events of its text in order. Takes time in proportion to the length of the HTML, whatever it contains. */
export function readHtml(html: string, emit: (event: TextEvent) => void): void {
  const tokenizer = new Tokenizer({}, new Reader(html, emit));
  tokenizer.write(html);
  tokenizer.end();
}

/** An element whose end has not been read yet. */
interface OpenElement {
  kind: ElementKind;
  /** The roles of the element and of all elements around it. */
  roles: number;
  display: ElementStyle["display"];
  /** Whether neither the element nor anything in it is laid out. */
  gone: boolean;
  invisible: boolean;
  /** Whether its text has a size of zero. Images within are still visible. */
  sizeless: boolean;
  space: WhiteSpace;
  hasMarkers: boolean;
  /** An event to emit at the end of the element, before its block ends. */
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
  readonly #emit: (event: TextEvent) => void;
  readonly #styles = new StyleSheet();
  readonly #unknownKinds = new Map<string, ElementKind>();
  readonly #open: OpenElement[] = [];
  #top = root;
  /** The kind of the tag that is being read. */
  #kind = root.kind;
  readonly #attributes = new Map<string, string>();
  #attribute: string | null = null;
  #value = "";

  constructor(html: string, emit: (event: TextEvent) => void) {
    this.#html = html;
    this.#emit = emit;
  }

  ontext(start: number, end: number): void {
    const text = this.#html.slice(start, end);
    if (this.#top.kind.name === "style") this.#styles.add(text);
    else this.#emitText(text);
  }

  ontextentity(codePoint: number): void {
    this.#emitText(String.fromCodePoint(codePoint));
  }

  onopentagname(start: number, end: number): void {
    this.#kind = this.#kindOf(this.#html.slice(start, end));
    if (this.#attributes.size > 0) this.#attributes.clear();
  }

  onattribname(start: number, end: number): void {
    const name = this.#html.slice(start, end).toLowerCase();
    // The first of two attributes of the same name counts.
    this.#attribute = textAttributes.has(name) && !this.#attributes.has(name) ? name : null;
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

  // Comments, declarations and the like contain no text.
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

  #emitText(text: string): void {
    const { gone, invisible, sizeless, space } = this.#top;
    if (!gone && !invisible && !sizeless) this.#emit({ kind: "text", text, space });
  }

  #begin(kind: ElementKind, attributes: Attributes): void {
    for (const { ended, within } of kind.ends) this.#endUnended(ended, within);
    if (kind.roles === role.cell && !this.#hasOpen(role.row, role.table | role.cell))
      this.#begin(rowKind, none);
    const element = this.#read(kind, attributes);
    if (!element.gone) {
      this.#emitBox(element);
      this.#emitBegin(element, attributes);
    }
    if (kind.isVoid) return;
    if (this.#open.length < depthLimit) {
      this.#open.push(element);
      this.#top = element;
    } else if (element.end) this.#emit(element.end);
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

  /** Emits the layout of an element: a block is on lines of its own, and a box in a line has blanks around it. */
  #emitBox({ kind, display }: OpenElement): void {
    if (display === "inline-block" && !kind.isBlock) return this.#emit({ kind: "gap" });
    const isBlock = display === null || kind.isVoid ? kind.isBlock : display !== "inline";
    if (!isBlock) return;
    const isNestedList =
      kind.roles === role.list && this.#hasOpen(role.item, role.cell | role.table);
    this.#emit({ kind: "block", isApart: kind.isApart && !isNestedList });
  }

  #emitBegin(element: OpenElement, attributes: Attributes): void {
    switch (element.kind.name) {
      case "br":
        return this.#emit({ kind: "break" });
      case "hr":
        this.#emit({ kind: "rule" });
        return this.#emitBox(element);
      case "img":
        if (!element.invisible)
          this.#emit({ kind: "image", alternative: attributes.get("alt") ?? "" });
        return;
      case "a":
        if (!attributes.has("href")) return;
        element.end = {
          kind: "link-end",
          href: attributes.get("href")!,
          isVisible: !element.invisible,
        };
        return this.#emit({ kind: "link" });
      case "ol":
        element.end = { kind: "list-end" };
        return this.#emit({ kind: "list", order: readOrder(attributes) });
      case "ul":
      case "menu":
      case "dir":
        element.end = { kind: "list-end" };
        return this.#emit({ kind: "list", order: null });
      case "li":
        return this.#emitItem(element, attributes.get("value") ?? "");
      case "dd":
        element.end = { kind: "indent-end", keepsMark: false };
        return this.#emit({ kind: "indent", first: "  ", rest: "  " });
      case "blockquote":
        element.end = { kind: "indent-end", keepsMark: false };
        return this.#emit({ kind: "indent", first: "> ", rest: "> " });
      case "tr":
        element.end = { kind: "row-end" };
        return this.#emit({ kind: "row" });
      case "td":
      case "th":
        // Beyond the depth limit, the row has ended already.
        if (!this.#hasOpen(role.row, role.table | role.cell)) return;
        element.end = { kind: "cell-end" };
        return this.#emit({ kind: "cell" });
    }
  }

  #emitItem(element: OpenElement, value: string): void {
    const { display, hasMarkers, invisible } = element;
    if (display !== null && display !== "list-item") return;
    const number = /^\s*-?\d{1,9}/.exec(value);
    element.end = { kind: "indent-end", keepsMark: !invisible };
    this.#emit({
      kind: "item",
      inList: this.#hasOpen(role.list, role.cell | role.table),
      value: number && Number(number[0]),
      isMarked: hasMarkers,
    });
  }

  /** Finds the innermost open element of `roles`, unless an element of `within` is open inside it. */
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
    // An end tag without a start tag is ignored, except `</p>`, which is an empty paragraph.
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
    if (element.end) this.#emit(element.end);
    this.#emitBox(element);
  }
}
