/** How deep elements may nest. */
const depthLimit = 2_000;
const voidElements = new Set(
  "area base br col embed hr img input link meta source track wbr".split(" "),
);

class NestsTooDeeply extends Error {}

/**
 * Throws for HTML whose elements nest too deeply, which no mail program shows as intended. Counts an element as open until an element of its
 * name is closed, so that the count is never less than the real depth.
 */
export function refuseDeepNesting(html: string): void {
  const open = new Map<string, number>();
  let depth = 0;
  for (const [, slash, written] of html.matchAll(/<(\/?)([a-z][^\s/>]*)/gi)) {
    const name = written!.toLowerCase();
    const count = open.get(name) ?? 0;
    if (voidElements.has(name) || (slash && count === 0)) continue;
    const step = slash ? -1 : 1;
    open.set(name, count + step);
    depth += step;
    if (depth > depthLimit) throw new NestsTooDeeply();
  }
}
