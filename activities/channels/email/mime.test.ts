import fc from "fast-check";
import PostalMime from "postal-mime";
import { describe, expect, it } from "vitest";
import { parseSender } from "../../../domain/address.ts";
import { headerText, quotedPrintable, senderHeader } from "./mime.ts";

it("writes a From header that reads as the same sender", async () => {
  const name = fc.string({
    unit: fc.oneof(
      fc.constantFrom(...'"\\,.@:;()=?_ éß漢😀'),
      fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 1 }),
    ),
    minLength: 1,
    maxLength: 200,
  });
  await fc.assert(
    fc.asyncProperty(name, async (text) => {
      const expected = text.replace(/[<>]/g, "").replace(/\s+/g, " ").trim();
      fc.pre(expected !== "" && !/^".*"$/.test(expected));
      const header = senderHeader(parseSender(`${expected} <tidings@example.org>`)!);
      for (const line of header.split("\r\n")) expect(line).toMatch(/^[\x20-\x7e]{1,76}$/);
      const { from } = await PostalMime.parse(`From: ${header}\r\n\r\n`);
      expect(from).toEqual({ name: expected, address: "tidings@example.org" });
    }),
  );
});

describe("the text of a header", () => {
  const lines = (text: string) => `Subject: ${headerText(text)}`.split("\r\n");
  const read = async (text: string) =>
    (await PostalMime.parse(`Subject: ${headerText(text)}\r\n\r\n`)).subject;
  const words = (count: number, word: string) => Array(count).fill(word).join(" ");

  it("stays as it is if it is ASCII, and is folded at its blanks", () => {
    const text = `Your order of ${words(20, "marmalade")} is on its way`;
    expect(lines(text).join("")).toBe(`Subject: ${text}`);
    expect(lines(text).length).toBeGreaterThan(2);
    for (const line of lines(text)) expect(line.length).toBeLessThanOrEqual(76);
    for (const line of lines(text).slice(1)) expect(line).toMatch(/^ [^ ]/);
  });

  it("encodes only words that are not ASCII or too long for a line", () => {
    const text = `Grüße from ${words(12, "marmalade")} to 東京 大阪 ${"x".repeat(100)} today`;
    const plain = lines(text)
      .join("")
      .split(" ")
      .filter((word) => !word.startsWith("=?"));
    expect(plain).toEqual([
      "Subject:",
      "from",
      ...Array<string>(12).fill("marmalade"),
      "to",
      "today",
    ]);
  });

  it("never splits a character between encoded words", () => {
    for (const line of lines("😀".repeat(100))) {
      const [, encoded] = /=\?UTF-8\?B\?([^?]*)\?=/.exec(line)!;
      expect(Buffer.from(encoded!, "base64").toString()).toMatch(/^😀+$/u);
    }
  });

  const word = fc.oneof(
    fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 100 }),
    fc.string({ unit: fc.constantFrom("a", "é", "漢", "😀"), minLength: 1, maxLength: 40 }),
    fc.constantFrom(
      "=?UTF-8?B?YQ==?=",
      "=?",
      "?=",
      "word",
      "x".repeat(67),
      "x".repeat(75),
      "x".repeat(76),
    ),
  );

  it("reads as the original text, from lines that are not too long", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 20 }), async (made) => {
        const text = made.join(" ").replace(/\s+/g, " ").trim();
        for (const line of lines(text)) expect(line).toMatch(/^(?! *$)[\x20-\x7e]{1,76}$/);
        expect((await read(text)) ?? "").toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});

describe("quoted-printable", () => {
  it.each(["a\rb", "a\nb", "a\r\nb"])("ends a line where the text does: %j", (text) => {
    expect(quotedPrintable(text)).toBe("a\r\nb");
  });
});
