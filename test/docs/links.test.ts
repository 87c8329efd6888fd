import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { anchorsOf, markdownPages, readPage, withoutCode } from "../support/markdown.ts";

/** What a link leads to: a page from the root of the repository, and an anchor in it. */
interface Target {
  link: string;
  path: string;
  anchor: string | undefined;
}

function relativeLinks(page: string): Target[] {
  return [...withoutCode(readPage(page)).matchAll(/\]\((?!\w+:)([^)\s#]*)(?:#([^)\s]+))?\)/g)].map(
    ([, path, anchor]) => ({
      link: `${path}${anchor === undefined ? "" : `#${anchor}`}`,
      path: path === "" ? page : normalize(join(dirname(page), path!)),
      anchor,
    }),
  );
}

const isBroken = ({ path, anchor }: Target) =>
  !existsSync(join(packageRoot, path)) ||
  (anchor !== undefined && !anchorsOf(readPage(path)).has(anchor));

describe.each(markdownPages)("%s", (page) => {
  it("links to files and headings that exist", () => {
    expect(
      relativeLinks(page)
        .filter(isBroken)
        .map(({ link }) => link),
    ).toEqual([]);
  });

  it("names files that exist", () => {
    const named =
      readPage(page).match(/(?<=`)[\w.-]+(\/[\w.-]+)+\.(ts|js|md|json|prisma|csv|yml|sh)(?=`)/g) ??
      [];
    expect(named.filter((path) => !existsSync(join(packageRoot, path)))).toEqual([]);
  });
});

it("every page is reached from the README", () => {
  const reached = new Set(["README.md"]);
  for (const page of reached)
    for (const { path } of relativeLinks(page)) if (markdownPages.includes(path)) reached.add(path);
  expect(markdownPages.filter((page) => !reached.has(page))).toEqual([]);
});
