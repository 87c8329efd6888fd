import { describe, expect, it } from "vitest";
import { CharsetConflict, findCharset } from "./charset.ts";
import { type Line, readLines } from "./lines.ts";

async function lines(
  bytes: Uint8Array,
  charset: string | null,
  chunkBytes = 3,
  carriageReturns = true,
): Promise<Line[]> {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  }
  const read: Line[] = [];
  for await (const line of readLines(chunks(), { charset, carriageReturns })) read.push(line);
  return read;
}
const texts = (read: Line[]) => read.map((line) => ("text" in line ? line.text : line.fault));

const utf16 = (text: string, order: "le" | "be") => {
  const bytes = Buffer.from(text, "utf16le");
  return order === "le" ? bytes : bytes.swap16();
};

describe("the character set of a text", () => {
  it.each([
    ["iso-8859-1", Buffer.from("caf\u00e9\r\n\u00fc", "latin1"), ["café", "ü"]],
    ["ISO-8859-1", Buffer.from([0x93, 0x80, 0x94, 0x0a, 0x92]), ["“€”", "’"]],
    ["windows-1252", Buffer.from([0x80, 0x0d, 0x0a, 0x9f]), ["€", "Ÿ"]],
    ["iso-8859-15", Buffer.from([0xa4, 0x0a, 0xe9]), ["€", "é"]],
    ["windows-1251", Buffer.from([0xcf, 0xf0]), ["Пр"]],
    ["shift_jis", Buffer.from([0x83, 0x5c, 0x0a, 0x41]), ["ソ", "A"]],
    ["us-ascii", Buffer.from("a\nb"), ["a", "b"]],
    ["UTF-8", Buffer.from("é\nü"), ["é", "ü"]],
    ["utf-16le", utf16("é,\u0a0a😀\r\nü\n", "le"), ["é,\u0a0a😀", "ü"]],
    ["utf-16be", utf16("é,\u0a0a😀\r\nü\n", "be"), ["é,\u0a0a😀", "ü"]],
    ["utf-16", utf16("a\nb", "be"), ["a", "b"]],
    ["utf-16", utf16("a\nb", "le"), ["a", "b"]],
    ["utf-16", utf16("\ufeffé\nb", "le"), ["é", "b"]],
    ["utf-16", utf16("\ufeffé\nb", "be"), ["é", "b"]],
  ])("is decoded as declared, wherever a chunk ends: %s", async (charset, bytes, expected) => {
    for (const chunkBytes of [1, 2, 3, 5, 1_000])
      expect(texts(await lines(bytes, charset, chunkBytes))).toEqual(expected);
  });

  it.each([
    ["us-ascii", Buffer.from("a\ncaf\u00e9\nb", "latin1"), "us-ascii"],
    ["windows-1252", Buffer.from([0x61, 0x0a, 0x81, 0x0a, 0x62]), "windows-1252"],
    ["utf-8", Buffer.from([0x61, 0x0a, 0xe9, 0x0a, 0x62]), "UTF-8"],
    ["euc-kr", Buffer.from([0x61, 0x0a, 0xff, 0x0a, 0x62]), "euc-kr"],
    ["utf-16le", utf16("a\n\ud800\nb", "le"), "utf-16le"],
  ])(
    "reports a line that is not valid %s, and reads its neighbours",
    async (charset, bytes, name) => {
      expect(await lines(bytes, charset)).toEqual([
        { line: 1, text: "a" },
        { line: 2, fault: `is not valid ${name}` },
        { line: 3, text: "b" },
      ]);
    },
  );

  it("is found by a byte order mark or the zeros of UTF-16 if none is declared", async () => {
    for (const order of ["le", "be"] as const) {
      expect(texts(await lines(utf16("\ufeffä\nb", order), null))).toEqual(["ä", "b"]);
      expect(texts(await lines(utf16("a,ä\nb", order), null))).toEqual(["a,ä", "b"]);
    }
    expect(texts(await lines(Buffer.from("\ufeffä"), null))).toEqual(["ä"]);
  });

  it("is refused if the byte order mark is of another", async () => {
    for (const [bytes, charset] of [
      [utf16("\ufeffa", "le"), "utf-8"],
      [utf16("\ufeffa", "be"), "utf-16le"],
      [Buffer.from("\ufeffa"), "iso-8859-1"],
      [Buffer.from("\ufeffa"), "utf-16"],
    ] as const)
      await expect(lines(bytes, charset)).rejects.toThrow(CharsetConflict);
  });

  it("is unknown for other labels", () => {
    expect(["utf-7", "ebcdic", "utf-32", "", "x"].map(findCharset)).toEqual(Array(5).fill(null));
  });
});

describe("lines that end with a carriage return alone", () => {
  it("are read as lines if the first line ends so", async () => {
    for (const chunkBytes of [1, 2, 100])
      expect(texts(await lines(Buffer.from("a\rb\rc"), null, chunkBytes))).toEqual(["a", "b", "c"]);
    expect(texts(await lines(utf16("\ufeffa\rb", "be"), null))).toEqual(["a", "b"]);
  });

  it("are text if the first line ends otherwise, or the option is off", async () => {
    expect(texts(await lines(Buffer.from("a\r\nb\rc\n"), null, 1))).toEqual(["a", "b\rc"]);
    expect(texts(await lines(Buffer.from("a\rb"), null, 1, false))).toEqual(["a\rb"]);
  });
});
