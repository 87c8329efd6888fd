import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createReplyReader, type Reply } from "./smtp-replies.ts";

function readAll(bytes: Buffer, cuts: readonly number[]): Reply[] {
  const replies: Reply[] = [];
  const reader = createReplyReader((reply) => replies.push(reply));
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted(
    (a, b) => a - b,
  );
  for (let index = 1; index < edges.length; index += 1)
    reader.read(bytes.subarray(edges[index - 1], edges[index]));
  return replies;
}

describe("the reader of replies", () => {
  const line = fc.string({ unit: fc.constantFrom(..."abc -é漢"), maxLength: 20 });
  const reply = fc.tuple(
    fc.integer({ min: 200, max: 559 }),
    fc.array(line, { minLength: 1, maxLength: 4 }),
    fc.constantFrom("\r\n", "\n"),
  );

  it("assembles replies from any pieces", () => {
    fc.assert(
      fc.property(
        fc.array(reply, { maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 10 }),
        (replies, cuts) => {
          const sent = replies.map(([code, lines]) =>
            lines.map((text, index) => `${code}${index === lines.length - 1 ? " " : "-"}${text}`),
          );
          const bytes = Buffer.from(
            sent
              .map((lines, index) => lines.map((text) => text + replies[index]![2]).join(""))
              .join(""),
          );
          expect(readAll(bytes, cuts)).toEqual(
            sent.map((lines, index) => ({ code: replies[index]![0], text: lines.join("\n") })),
          );
        },
      ),
    );
  });

  it("waits for the last line of a reply", () => {
    expect(readAll(Buffer.from("250-one\r\n250-two\r\n250"), [])).toEqual([]);
    expect(readAll(Buffer.from("250\r\n"), [])).toEqual([{ code: 250, text: "250" }]);
  });

  it.each([
    "hello\r\n",
    "HTTP/1.1 400 Bad Request\r\n",
    "99 x\r\n",
    "2500 x\r\n",
    "150 x\r\n",
    "\0\r\n",
  ])("throws on a line that is not a reply: %j", (text) => {
    expect(() => readAll(Buffer.from(text), [])).toThrow(/not an SMTP reply/);
  });

  it("skips blank lines before and within replies", () => {
    expect(readAll(Buffer.from("\r\n\n  \r\n250-one\r\n\r\n250 two\r\n\r\n"), [])).toEqual([
      { code: 250, text: "250-one\n250 two" },
    ]);
  });

  it.each(["250-one\r\n354 go\r\n", "550-no\r\n250 yes\r\n"])(
    "throws on a reply with different codes: %j",
    (text) => {
      expect(() => readAll(Buffer.from(text), [])).toThrow(/different codes/);
    },
  );

  it.each([
    ["250 ok\r\n", false],
    ["250 ok\r\n\r", false],
    ["2", true],
    ["250-one\r\n", true],
  ])("shows whether a reply has begun and not ended: %j", (text, partial) => {
    const reader = createReplyReader(() => {});
    reader.read(Buffer.from(text));
    expect(reader.partial).toBe(partial);
  });

  it.each(["250-more\r\n", "2"])("throws on a reply that never ends", (text) => {
    const reader = createReplyReader(() => {});
    expect(() => {
      for (let round = 0; round < 70_000; round += 1) reader.read(Buffer.from(text));
    }).toThrow(/without an end/);
  });
});
