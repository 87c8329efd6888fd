import { describe, expect, it } from "vitest";
import { markdownPages, readPage } from "../support/markdown.ts";

const folder = "docs/decisions/";
const records = markdownPages
  .filter((path) => path.startsWith(folder) && !path.endsWith("README.md"))
  .map((path) => path.slice(folder.length));

interface Entry {
  number: string;
  file: string;
  title: string;
  date: string;
  status: string;
  sentence: string;
}

const entries: Entry[] = [
  ...readPage(`${folder}README.md`).matchAll(
    /^\| \[(\d{4})\]\((\S+?)\) +\| (.+?) +\| (.+?) +\| (.+?) +\| (.+?) +\|$/gm,
  ),
].map(([, number, file, title, date, status, sentence]) => ({
  number: number!,
  file: file!,
  title: title!,
  date: date!,
  status: status!,
  sentence: sentence!,
}));

/** The sections of a record, in their order; those in the middle may be left out. */
const sections = /^Context Decision( Alternatives)?( Reasons)? Consequences$/;

/** What a record's status may be: by which other record it was replaced, if it was. */
const statuses =
  /^(Accepted(, amended by \[\d{4}\]\(\S+\)( and \[\d{4}\]\(\S+\))*)?|Proposed|Superseded by \[\d{4}\]\(\S+\))$/;

it("the index has every record, in the order of their numbers", () => {
  expect(entries.map(({ file }) => file)).toEqual(records);
  expect(new Set(entries.map(({ number }) => number)).size).toBe(entries.length);
});

describe.each(entries)("$number $title", ({ number, file, title, date, status, sentence }) => {
  const text = readPage(`${folder}${file}`);

  it("is in the form", () => {
    const head = /^# (\d{4}) (.+)\n\nStatus: (.+)\\\nDate: (\d{4}-\d\d-\d\d)\n\n## /.exec(text);
    expect(head?.slice(1)).toEqual([number, title, status, date]);
    expect(file.startsWith(`${number}-`)).toBe(true);
    expect(status).toMatch(statuses);
    const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(headings.join(" ")).toMatch(sections);
    for (const section of text.split(/^## .+$/m)) expect(section.trim()).not.toBe("");
  });

  it("has one sentence in the index", () => {
    expect(sentence).toMatch(/^[A-Z`].+\.$/);
  });
});
