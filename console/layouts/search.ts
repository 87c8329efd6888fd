import { readText } from "../shell/url.ts";

/** What the address of the layouts says. */
export interface LayoutsSearch {
  q?: string | undefined;
  cursor?: string | undefined;
}

/** Reads the search of an address. Whatever is not valid becomes undefined. */
export const readLayoutsSearch = (raw: Record<string, unknown>): LayoutsSearch => ({
  q: readText(raw["q"], 200),
  cursor: readText(raw["cursor"], 1_000),
});
