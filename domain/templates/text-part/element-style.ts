/** What the `style` of an element says about how its text reads; null where it says nothing. */
export interface ElementStyle {
  /** `contents` and whatever else is not named counts as null. */
  display: "none" | "block" | "inline" | "inline-block" | "list-item" | null;
  isVisible: boolean | null;
  /** Of its own: a size of zero is inherited until another one is set. */
  hasFontSize: boolean | null;
  space: WhiteSpace | null;
  /** Cut down to nothing, as preheaders are: without opacity, or without height or width and without overflow. */
  isCutAway: boolean;
  hasMarkers: boolean | null;
}

/** Collapsed; with line breaks as they are; or with blanks as they are too. */
export type WhiteSpace = "normal" | "lines" | "all";

const plain: ElementStyle = {
  display: null,
  isVisible: null,
  hasFontSize: null,
  space: null,
  isCutAway: false,
  hasMarkers: null,
};

const telling =
  /display|float|visibility|font|white-space|opacity|height|width|overflow|list-style/i;

/** Does it say how text reads, or may it? */
export const isTellingProperty = (name: string) => telling.test(name);

/** Templates have the same few styles in every message. */
const known = new Map<string, ElementStyle>();
const knownLimit = 1_000;
const knownLength = 1_000;

/** `mso-hide` hides from one mail program only, and is what the others show: it says nothing here. */
export function readStyle(text: string): ElementStyle {
  if (!telling.test(text)) return plain;
  const kept = known.get(text);
  if (kept) return kept;
  const style = parseStyle(text);
  if (text.length <= knownLength) {
    if (known.size >= knownLimit) known.clear();
    known.set(text, style);
  }
  return style;
}

function parseStyle(text: string): ElementStyle {
  const declared = new Map<string, string>();
  const important = new Set<string>();
  for (const declaration of text.replaceAll(/\/\*[^]*?(?:\*\/|$)/g, "").split(";")) {
    const colon = declaration.indexOf(":");
    if (colon < 0) continue;
    const name = declaration.slice(0, colon).trim().toLowerCase();
    const [value, urgent] = declaration
      .slice(colon + 1)
      .toLowerCase()
      .split("!");
    if (urgent?.trim() === "important") important.add(name);
    else if (important.has(name)) continue;
    declared.set(name, value!.trim());
  }
  const value = (name: string) => declared.get(name) ?? "";
  const isZero = (name: string) => isZeroLength(value(name));
  const cutOff = /^(?:hidden|clip)\b/.test(value("overflow"));
  return {
    // What floats stands beside the rest, as a box in the line.
    display:
      displayOf(value("display")) ??
      (/^(?:left|right)$/.test(value("float")) ? "inline-block" : null),
    isVisible: declared.has("visibility") ? value("visibility") === "visible" : null,
    hasFontSize: fontSizeOf(value("font-size"), value("font")),
    space: spaceOf(value("white-space")),
    isCutAway:
      isZero("opacity") || (cutOff && ["max-height", "height", "max-width", "width"].some(isZero)),
    hasMarkers: markersOf(`${value("list-style")} ${value("list-style-type")}`),
  };
}

const isZeroLength = (value: string) => /^[+-]?(?:0+\.?0*|\.0+)(?:%|[a-z]+)?$/.test(value);

function displayOf(value: string): ElementStyle["display"] {
  if (value === "none" || value === "inline" || value === "inline-block" || value === "list-item")
    return value;
  if (value.startsWith("inline-")) return "inline-block";
  return /^(?:block|flow-root|flex|grid|table|table-row)$/.test(value) ? "block" : null;
}

function fontSizeOf(size: string, font: string): boolean | null {
  const said = size || /(?:^|\s)(\d*\.?\d+(?:%|[a-z]+)?)(?:\s*\/|\s)/.exec(font)?.[1] || "";
  if (said === "" || said === "inherit") return null;
  // Of nothing, a share is nothing.
  return isZeroLength(said) ? false : /(?:[\d.]em|%|er)$/.test(said) ? null : true;
}

function spaceOf(value: string): WhiteSpace | null {
  if (/^(?:pre|pre-wrap|break-spaces)$/.test(value)) return "all";
  if (value === "pre-line") return "lines";
  return value === "normal" || value === "nowrap" ? "normal" : null;
}

const markersOf = (value: string) => (value.trim() === "" ? null : !/\bnone\b/.test(value));
