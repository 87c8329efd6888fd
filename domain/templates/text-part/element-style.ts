/** The properties of a `style` that decide how the text of an element is shown; null where the style does not set them. */
export interface ElementStyle {
  /** Null for `contents` and all other values. */
  display: "none" | "block" | "inline" | "inline-block" | "list-item" | null;
  isVisible: boolean | null;
  /** False for a size of zero, which elements within inherit until another size is set. */
  hasFontSize: boolean | null;
  space: WhiteSpace | null;
  /** Whether nothing of the element is visible, as of a preheader: no opacity, or no height or width with hidden overflow. */
  isCutAway: boolean;
  hasMarkers: boolean | null;
}

/** `normal` collapses white space, `lines` keeps line breaks, `all` keeps line breaks and blanks. */
export type WhiteSpace = "normal" | "lines" | "all";

const plain: ElementStyle = {
  display: null,
  isVisible: null,
  hasFontSize: null,
  space: null,
  isCutAway: false,
  hasMarkers: null,
};

const textProperties =
  /display|float|visibility|font|white-space|opacity|height|width|overflow|list-style/i;

/** Whether a property may decide how text is shown. */
export const affectsText = (name: string) => textProperties.test(name);

/** A cache: messages repeat the same few styles. */
const cached = new Map<string, ElementStyle>();
const cacheLimit = 1_000;
const cachedLength = 1_000;

/** Reads a `style`. Ignores `mso-hide`, which hides only from Outlook what all other mail programs show. */
export function readStyle(text: string): ElementStyle {
  if (!textProperties.test(text)) return plain;
  const found = cached.get(text);
  if (found) return found;
  const style = parseStyle(text);
  if (text.length <= cachedLength) {
    if (cached.size >= cacheLimit) cached.clear();
    cached.set(text, style);
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
    // A floating element is beside the rest, as a box in the line.
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
  const written = size || /(?:^|\s)(\d*\.?\d+(?:%|[a-z]+)?)(?:\s*\/|\s)/.exec(font)?.[1] || "";
  if (written === "" || written === "inherit") return null;
  // A relative size is still zero if the size around it is zero.
  return isZeroLength(written) ? false : /(?:[\d.]em|%|er)$/.test(written) ? null : true;
}

function spaceOf(value: string): WhiteSpace | null {
  if (/^(?:pre|pre-wrap|break-spaces)$/.test(value)) return "all";
  if (value === "pre-line") return "lines";
  return value === "normal" || value === "nowrap" ? "normal" : null;
}

const markersOf = (value: string) => (value.trim() === "" ? null : !/\bnone\b/.test(value));
