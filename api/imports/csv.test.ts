import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CsvRecord, readCsv } from "./csv.ts";
import { maxLineBytes, readLines } from "./lines.ts";

/** The records of a file that arrives in chunks of so many bytes. */
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
  it("reads what RFC 4180 writes, whatever the line ends and wherever a chunk ends", async () => {
    const cell = fc
      .string({ unit: "grapheme", maxLength: 12 })
      .map((text) => text.replaceAll(/[\r\n]+/g, "\n"));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(cell, { minLength: 2, maxLength: 5 }), { maxLength: 8 }),
        fc.constantFrom("\n", "\r\n"),
        fc.integer({ min: 1, max: 40 }),
        async (rows, end, chunkBytes) => {
          const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
          const file = rows.map((row) => row.map(quoted).join(",") + end).join("");
          expect(
            (await read(file, chunkBytes)).map((record) => "cells" in record && record.cells),
          ).toEqual(rows);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("reads plain cells, empty ones too, and passes over blank lines and a byte order mark", async () => {
    expect(await cells("\ufeffa,b,c\n\n1,,3\r\n   \n,,")).toEqual([
      ["a", "b", "c"],
      ["1", "", "3"],
      ["", "", ""],
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

  it("names stray quotes", async () => {
    expect(await cells('a,b"c\n"a"b,c\nd,e')).toEqual([
      expect.stringContaining("within a cell"),
      expect.stringContaining("after a closing quote"),
      ["d", "e"],
    ]);
  });

  it("passes over a giant line and one that is not UTF-8, and reads their neighbours", async () => {
    const file = Buffer.concat([
      Buffer.from("a,b\n"),
      Buffer.from([0xff, 0xfe, 0x0a]),
      Buffer.alloc(3 * maxLineBytes, "x"),
      Buffer.from("\nc,d\n"),
    ]);
    expect(await read(file, 10_000)).toEqual([
      { line: 1, cells: ["a", "b"] },
      { line: 2, fault: "is not valid UTF-8" },
      { line: 3, fault: `is longer than ${maxLineBytes} bytes` },
      { line: 4, cells: ["c", "d"] },
    ]);
  });
});
