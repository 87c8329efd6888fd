import { trimBlanks } from "../../domain/text.ts";
import type { Line } from "./lines.ts";

/** A record of a CSV file and the line it begins on, or why it cannot be read. */
export type CsvRecord = { line: number; cells: string[] } | { line: number; fault: string };

/** Lines that one record may span, and characters: a quote that is never closed is noticed after so many. */
const maxRecordLines = 100;
const maxRecordLength = 65_536;

/** What may stand between cells, the usual one first. */
const delimiters = [",", ";", "\t", "|"] as const;

/** A first line such as `sep=;`, with which spreadsheets say what stands between cells. */
const delimiterLine = /^"?sep=([^"])"?\s*$/i;

/**
 * Reads records as RFC 4180 has them, and as spreadsheets write them: cells may be in double quotes, and then hold delimiters, line ends
 * and doubled quotes. Cells stand between commas, semicolons, tabs or bars, as the first record shows or a line `sep=;` before it
 * says. Blank lines are passed over, and so are records whose cells are all blank. After a quote that is never closed, reading
 * goes on with the line after the one it was opened on, so that it costs one record and not the rest of the file.
 * @param isColumn tells a column's name from other text, where the first record could be cut in several ways
 */
export async function* readCsv(
  lines: AsyncIterable<Line>,
  isColumn: (name: string) => boolean = () => false,
): AsyncGenerator<CsvRecord> {
  const source = lines[Symbol.asyncIterator]();
  /** Lines read in search of a closing quote, to be read again. */
  let again: Line[] = [];
  const next = async (): Promise<Line | null> =>
    again.shift() ?? (await source.next().then(({ done, value }) => (done ? null : value)));
  let delimiter: string | null = null;

  for (let first = await next(); first; first = await next()) {
    if ("fault" in first) {
      yield first;
      continue;
    }
    if (trimBlanks(first.text) === "") continue;
    if (delimiter === null) {
      delimiter = delimiterLine.exec(first.text)?.[1] ?? null;
      if (delimiter !== null) continue;
      delimiter = chooseDelimiter(first.text, isColumn);
      if (delimiter === null) {
        yield { line: first.line, fault: ambiguousDelimiter };
        return;
      }
    }
    let text = first.text;
    let parsed = parseRecord(text, delimiter);
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
      if (following.text.includes('"')) parsed = parseRecord(text, delimiter);
    }
    if (parsed.kind === "record") {
      if (parsed.cells.some((cell) => trimBlanks(cell) !== ""))
        yield { line: first.line, cells: parsed.cells };
    } else {
      again = [...ahead, ...again];
      yield {
        line: first.line,
        fault: parsed.kind === "open" ? 'opens a quote (") that is never closed' : parsed.fault,
      };
    }
  }
}

const ambiguousDelimiter =
  "can be cut into columns in several ways: put a line such as sep=; before it, which says what stands between cells";

const quoted = /"(?:[^"]|"")*(?:"|$)/g;

/**
 * The delimiter of a file by its first record: the only one there is outside quotes, or the one that makes the most columns; a comma
 * where there is none. Null where several make as many.
 */
function chooseDelimiter(header: string, isColumn: (name: string) => boolean): string | null {
  const bare = header.replaceAll(quoted, "");
  const [only, ...others] = delimiters.filter((delimiter) => bare.includes(delimiter));
  if (only === undefined) return delimiters[0];
  if (others.length === 0) return only;
  const columnsBy = (delimiter: string) => {
    const parsed = parseRecord(header, delimiter);
    return parsed.kind === "record" ? parsed.cells.filter(isColumn).length : 0;
  };
  const [most, second] = [only, ...others]
    .map((delimiter) => ({ delimiter, columns: columnsBy(delimiter) }))
    .sort((a, b) => b.columns - a.columns);
  return most!.columns > second!.columns ? most!.delimiter : null;
}

type Parsed =
  | { kind: "record"; cells: string[] }
  | { kind: "open" }
  | { kind: "broken"; fault: string };

const unquotedQuote =
  "has a quote within a cell that is not quoted: quote the cell and double the quote";

/** A quote as a mark of inches or seconds. */
const inches = /(\d)"/g;

/**
 * Cuts a record into cells. Blanks around a quoted cell are none of it. Quotes within a cell that is not quoted are text where they are
 * in pairs or behind a digit: then none of them holds a delimiter.
 */
function parseRecord(text: string, delimiter: string): Parsed {
  if (!text.includes('"')) return { kind: "record", cells: text.split(delimiter) };
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    const start = skipBlanks(text, at, delimiter);
    if (text[start] === '"') {
      let cell = "";
      let from = start + 1;
      for (;;) {
        const quote = text.indexOf('"', from);
        if (quote === -1) return { kind: "open" };
        cell += text.slice(from, quote);
        if (text[quote + 1] !== '"') {
          at = skipBlanks(text, quote + 1, delimiter);
          break;
        }
        cell += '"';
        from = quote + 2;
      }
      cells.push(cell);
      if (at < text.length && text[at] !== delimiter)
        return {
          kind: "broken",
          fault: "has text after a closing quote: double a quote that is part of a cell",
        };
    } else {
      const end = text.indexOf(delimiter, at);
      const cell = text.slice(at, end === -1 ? undefined : end);
      if (cell.replaceAll(inches, "$1").split('"').length % 2 === 0)
        return { kind: "broken", fault: unquotedQuote };
      cells.push(cell);
      at = end === -1 ? text.length : end;
    }
    if (at >= text.length) return { kind: "record", cells };
    at += 1;
  }
}

function skipBlanks(text: string, from: number, delimiter: string): number {
  let at = from;
  while (at < text.length && text[at] !== delimiter && text[at] !== "\n" && text[at]!.trim() === "")
    at += 1;
  return at;
}
