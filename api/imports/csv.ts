import { trimBlanks } from "../../domain/text.ts";
import type { Line } from "./lines.ts";

/** A record of a CSV file, or the reason why it cannot be read, with the number of its first line. */
export type CsvRecord = { line: number; cells: string[] } | { line: number; fault: string };

/** The largest number of lines and of characters in one record. A quote that is still open after either is never closed. */
const maxRecordLines = 100;
const maxRecordLength = 65_536;

/** The delimiters of cells, the usual one first. */
const delimiters = [",", ";", "\t", "|"] as const;

/** A first line such as `sep=;`, with which spreadsheets declare the delimiter. */
const delimiterLine = /^"?sep=([^"])"?\s*$/i;

/**
 * Reads records as RFC 4180 defines them and as spreadsheets write them. Cells may be in double quotes, and may then contain delimiters,
 * line ends and doubled quotes. The delimiter is a comma, a semicolon, a tab or a bar, as the first record shows, or any character that a
 * line such as `sep=;` before it declares. Blank lines are skipped, and so are records whose cells are all blank. After a quote that is
 * never closed, reading continues with the line after the one that opened it, so that one record is lost and not the rest of the file.
 * @param isColumn whether a text names a column, used if the first record can be split in several ways
 */
export async function* readCsv(
  lines: AsyncIterable<Line>,
  isColumn: (name: string) => boolean = () => false,
): AsyncGenerator<CsvRecord> {
  const source = lines[Symbol.asyncIterator]();
  /** Lines that were read in search of a closing quote, and are to be read again. */
  let returned: Line[] = [];
  const next = async (): Promise<Line | null> =>
    returned.shift() ?? (await source.next().then(({ done, value }) => (done ? null : value)));
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
      // Only a line with a quote can close one, so that the record need not be parsed again for other lines.
      if (following.text.includes('"')) parsed = parseRecord(text, delimiter);
    }
    if (parsed.kind === "record") {
      if (parsed.cells.some((cell) => trimBlanks(cell) !== ""))
        yield { line: first.line, cells: parsed.cells };
    } else {
      returned = [...ahead, ...returned];
      yield {
        line: first.line,
        fault: parsed.kind === "open" ? 'opens a quote (") that is never closed' : parsed.fault,
      };
    }
  }
}

const ambiguousDelimiter =
  "can be split into columns in several ways: put a line such as sep=; before it, which names the delimiter";

const quoted = /"(?:[^"]|"")*(?:"|$)/g;

/**
 * Chooses the delimiter of a file by its first record: the only one outside quotes, or the one that yields the most known columns; a
 * comma if there is none. Null if several yield equally many.
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

/** A quote after a digit, which stands for inches or seconds. */
const inches = /(\d)"/g;

/**
 * Splits a record into cells. Spaces around a quoted cell are dropped. Quotes within a cell that is not quoted are text if they come in
 * pairs or after a digit, because then they cannot enclose a delimiter.
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
