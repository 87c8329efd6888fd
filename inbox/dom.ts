/** What an element is made with: attributes by name (null and false leave one out), and listeners by `on` and the event's name. */
type Attributes = Record<string, string | boolean | null | ((event: never) => void)>;

/** Makes an element. Texts become text nodes, so no markup is ever parsed, and a page may require Trusted Types. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function")
      element.addEventListener(name.slice(2), value as (event: Event) => void);
    else setAttribute(element, name, value);
  }
  element.append(...children);
  return element;
}

/** Sets an attribute, or removes it: null and false leave it out, true makes it empty. */
export function setAttribute(element: Element, name: string, value: string | boolean | null): void {
  if (value === null || value === false) element.removeAttribute(name);
  else {
    const text = value === true ? "" : value;
    // An unchanged attribute is left alone, so that no screen reader hears of it again.
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** Sets the text of an element if it is another one. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Icons of 24 by 24 units, which are drawn with lines. */
const icons = {
  bell: "M6 9a6 6 0 0 1 12 0c0 6 2.5 7.5 2.5 7.5h-17S6 15 6 9m4 11a2.2 2.2 0 0 0 4 0",
  close: "M6 6l12 12M18 6 6 18",
  read: "m4 12.5 5 5L20 6.5",
  unread: "M12 6a6 6 0 1 0 0 12 6 6 0 0 0 0-12",
  archive: "M4 8v11h16V8M3 4h18v4H3zm7 8h4",
  unarchive: "M4 8v11h16V8M3 4h18v4H3zm9 12v-5m-2.5 2L12 11l2.5 2",
};

export type IconName = keyof typeof icons;

/** Draws an icon in the color of the text. It is decoration: what it means is the name of its button. */
export function drawIcon(name: IconName): SVGElement {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  const path = document.createElementNS(namespace, "path");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", "aria-hidden": "true" }))
    svg.setAttribute(key, value);
  path.setAttribute("d", icons[name]);
  svg.append(path);
  return svg;
}

/**
 * Reads an address that a page may link to. Returns null for anything but `http` and `https`, such as `javascript:`, and for an address
 * with a password. A relative address is one of the base.
 */
export function readLink(address: string | null, base: string): string | null {
  if (address === null) return null;
  try {
    const { protocol, href, username, password } = new URL(address, base);
    return /^https?:$/.test(protocol) && username === "" && password === "" ? href : null;
  } catch {
    return null;
  }
}
