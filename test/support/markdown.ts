import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../config/package-root.ts";

/** Folders that are installed, generated or written by a run. */
const foreign = /^(node_modules|dist|\.)/;

/** The paths of all Markdown files of the repository, from its root. */
export const markdownPages: readonly string[] = readdirSync(packageRoot, { withFileTypes: true })
  .filter(({ name }) => !foreign.test(name))
  .flatMap((entry) =>
    entry.isDirectory()
      ? readdirSync(join(packageRoot, entry.name), { recursive: true, encoding: "utf8" }).map(
          (path) => `${entry.name}/${path}`,
        )
      : [entry.name],
  )
  .filter((path) => path.endsWith(".md"))
  .toSorted();

export const readPage = (path: string): string => readFileSync(join(packageRoot, path), "utf8");

/** Returns a page without the parts that GitHub shows as code. */
export const withoutCode = (text: string): string =>
  text.replaceAll(/^ *```.*?^ *```$/gms, "").replaceAll(/`[^`\n]*`/g, "``");

/**
 * Returns the anchors that GitHub gives to a page's headings: lower case, without punctuation, blanks as hyphens. A heading
 * with the same name as an earlier one gets a number.
 */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, title] of text
    .replaceAll(/^ *```.*?^ *```$/gms, "")
    .matchAll(/^#{1,6} +(.*?) *$/gm)) {
    const plain = title!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, "")
      .replaceAll(" ", "-");
    let anchor = plain;
    for (let number = 1; anchors.has(anchor); number++) anchor = `${plain}-${number}`;
    anchors.add(anchor);
  }
  return anchors;
}
