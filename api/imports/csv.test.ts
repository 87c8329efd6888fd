import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { trimBlanks } from "../../domain/text.ts";
import { type CsvRecord, readCsv } from "./csv.ts";
import { maxLineBytes, readLines } from "./lines.ts";

/** Reads the records of a file that arrives in chunks of `chunkBytes`. */
async function read(file: string | Buffer, chunkBytes = 7): Promise<CsvRecord[]> {
  const bytes = Buffer.from(file);
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  }
  const records: CsvRecord[] = [];
  for await (const record of readCsv(readLines(chunks()))) records.push(record);
  return records;
}

const cells = async (file: string) =>
  (await read(file)).map((record) => ("cells" in record ? record.cells : record.fault));

describe("readCsv", () => {
  it("reads files of RFC 4180 with any delimiter and line end, wherever a chunk ends", async () => {
    const cell = fc
      .string({ unit: "grapheme", maxLength: 12 })
      .map((text) => text.replaceAll(/[\r\n]+/g, "\n"));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(cell, { minLength: 2, maxLength: 5 }), { maxLength: 8 }),
        fc.constantFrom("\n", "\r\n"),
        fc.constantFrom(",", ";", "\t", "|"),
        fc.integer({ min: 1, max: 40 }),
        async (generated, end, delimiter, chunkBytes) => {
          const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
          const rows = [["a", "b"], ...generated].filter((row) =>
            row.some((text) => trimBlanks(text)),
          );
          const file = rows.map((row) => row.map(quoted).join(delimiter) + end).join("");
          expect(
            (await read(file, chunkBytes)).map((record) => "cells" in record && record.cells),
          ).toEqual(rows);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("reads plain and empty cells, and skips blank records and a byte order mark", async () => {
    expect(await cells('\ufeffa,b,c\n\n1,,3\r\n   \n,,\n"", ,\u00a0\n,,4')).toEqual([
      ["a", "b", "c"],
      ["1", "", "3"],
      ["", "", "4"],
    ]);
  });

  it.each([
    ["semicolons, beside decimal commas", "a;b\n1,5;2", ["1,5", "2"]],
    ["tabs", "a\tb\n1;2\t3,4", ["1;2", "3,4"]],
    ["bars", "a|b\n1|2", ["1", "2"]],
    ["commas, with others in quotes", '"a;b|c\td",b\n"1;2",3', ["1;2", "3"]],
    ["nothing, in a file with one column", "a\n1;2", ["1;2"]],
  ])("finds out that cells are separated by %s", async (_, file, expected) => {
    expect((await cells(file)).at(-1)).toEqual(expected);
  });

  it.each(["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;"])(
    "takes the delimiter from a first line %j, which is no record",
    async (line) => {
      expect(await cells(`${line}\r\na,b;c\r\n1;2`)).toEqual([
        ["a,b", "c"],
        ["1", "2"],
      ]);
    },
  );

  it("takes any character as the delimiter from such a line", async () => {
    expect(await cells("sep=\t\na,b\tc")).toEqual([["a,b", "c"]]);
    expect(await cells("sep=:\na,b:c")).toEqual([["a,b", "c"]]);
  });

  it("prefers the delimiter that yields known columns, and reports an ambiguous header", async () => {
    const read = async (file: string, known: string[]) => {
      const records: CsvRecord[] = [];
      async function* chunks() {
        yield Buffer.from(file);
      }
      for await (const record of readCsv(readLines(chunks()), (name) => known.includes(name)))
        records.push(record);
      return records;
    };
    expect(await read("id;mail,address\n1;2", ["id"])).toEqual([
      { line: 1, cells: ["id", "mail,address"] },
      { line: 2, cells: ["1", "2"] },
    ]);
    expect(await read("a;b,c\n1;2", ["id"])).toEqual([
      { line: 1, fault: expect.stringContaining("sep=;") },
    ]);
  });

  it("reads quotes within a cell as text if they cannot enclose a delimiter", async () => {
    expect(await cells('a,b\n1,The "Rex" inn\n2,5" pipe\n3, "x, y" \n4,7" x 9"')).toEqual([
      ["a", "b"],
      ["1", 'The "Rex" inn'],
      ["2", '5" pipe'],
      ["3", "x, y"],
      ["4", '7" x 9"'],
    ]);
  });

  it("counts lines as an editor does", async () => {
    expect(await read('a,"b\nc"\n\nd,e\n')).toEqual([
      { line: 1, cells: ["a", "b\nc"] },
      { line: 4, cells: ["d", "e"] },
    ]);
  });

  it("loses one record to a quote that is never closed, and not the rest of the file", async () => {
    const rest = Array.from({ length: 500 }, (_, i) => `${i},x`).join("\n");
    const records = await read(`a,"open\n${rest}`);
    expect(records[0]).toEqual({ line: 1, fault: expect.stringContaining("never closed") });
    expect(records).toHaveLength(501);
    expect(records[500]).toEqual({ line: 501, cells: ["499", "x"] });
  });

  it("reports stray quotes", async () => {
    expect(await cells('x,y\na,b"c\na,b "c, d" e\n"a"b,c\nd,e')).toEqual([
      ["x", "y"],
      expect.stringContaining("within a cell"),
      expect.stringContaining("within a cell"),
      expect.stringContaining("after a closing quote"),
      ["d", "e"],
    ]);
  });

  it("reports a giant line and one that is not UTF-8, and reads their neighbours", async () => {
    const file = Buffer.concat([
      Buffer.from("a,b\n"),
      Buffer.from([0xff, 0xfe, 0x0a]),
      Buffer.alloc(3 * maxLineBytes, "x"),
      Buffer.from("\nc,d\n"),
    ]);
    expect(await read(file, 10_000)).toEqual([
      { line: 1, cells: ["a", "b"] },
      { line: 2, fault: expect.stringMatching(/^is not valid UTF-8: .*charset=/) },
      { line: 3, fault: `is longer than ${maxLineBytes} bytes` },
      { line: 4, cells: ["c", "d"] },
    ]);
  });
});
