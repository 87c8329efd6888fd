import type { Line } from "./lines.ts";

/** A record of a CSV file and the line it begins on, or why it cannot be read. */
export type CsvRecord = { line: number; cells: string[] } | { line: number; fault: string };

/** Lines that one record may span, and characters: a quote that is never closed is noticed after so many. */
const maxRecordLines = 100;
const maxRecordLength = 65_536;

/**
 * Reads records as RFC 4180 has them: cells in double quotes may hold commas, line ends and doubled quotes. Blank lines are
 * passed over. After a quote that is never closed, reading goes on with the line after the one it was opened on, so that
 * it costs one record and not the rest of the file.
 */
export async function* readCsv(lines: AsyncIterable<Line>): AsyncGenerator<CsvRecord> {
  const source = lines[Symbol.asyncIterator]();
  /** Lines read in search of a closing quote, to be read again. */
  let again: Line[] = [];
  const next = async (): Promise<Line | null> =>
    again.shift() ?? (await source.next().then(({ done, value }) => (done ? null : value)));

  for (let first = await next(); first; first = await next()) {
    if ("fault" in first) {
      yield first;
      continue;
    }
    if (first.text.trim() === "") continue;
    let text = first.text;
    let parsed = parseRecord(text);
    const ahead: Line[] = [];
    while (
      parsed.kind === "open" &&
      ahead.length < maxRecordLines &&
      text.length < maxRecordLength
    ) {
      const following = await next();
      if (!following) break;
      ahead.push(following);
      if ("fault" in following) break;
      text += `\n${following.text}`;
      // Only a line with a quote can close one: the others need no second look.
      if (following.text.includes('"')) parsed = parseRecord(text);
    }
    if (parsed.kind === "record") yield { line: first.line, cells: parsed.cells };
    else {
      again = [...ahead, ...again];
      yield {
        line: first.line,
        fault: parsed.kind === "open" ? 'opens a quote (") that is never closed' : parsed.fault,
      };
    }
  }
}

type Parsed =
  | { kind: "record"; cells: string[] }
  | { kind: "open" }
  | { kind: "broken"; fault: string };

function parseRecord(text: string): Parsed {
  if (!text.includes('"')) return { kind: "record", cells: text.split(",") };
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      let cell = "";
      let from = at + 1;
      for (;;) {
        const quote = text.indexOf('"', from);
        if (quote === -1) return { kind: "open" };
        cell += text.slice(from, quote);
        if (text[quote + 1] !== '"') {
          at = quote + 1;
          break;
        }
        cell += '"';
        from = quote + 2;
      }
      cells.push(cell);
      if (at < text.length && text[at] !== ",")
        return {
          kind: "broken",
          fault: "has text after a closing quote: double a quote that is part of a cell",
        };
    } else {
      const comma = text.indexOf(",", at);
      const cell = text.slice(at, comma === -1 ? undefined : comma);
      if (cell.includes('"'))
        return {
          kind: "broken",
          fault:
            "has a quote within a cell that is not quoted: quote the cell and double the quote",
        };
      cells.push(cell);
      at = comma === -1 ? text.length : comma;
    }
    if (at >= text.length) return { kind: "record", cells };
    at += 1;
  }
}
