import fc from "fast-check";
import PostalMime from "postal-mime";
import { expect, it } from "vitest";
import { parseSender } from "../../../domain/address.ts";
import { senderHeader } from "./mime.ts";

it("makes a From header from which the sender is read again", async () => {
  const name = fc.string({
    unit: fc.oneof(
      fc.constantFrom(...'"\\,.@:;()=?_ éß漢😀'),
      fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 1 }),
    ),
    minLength: 1,
    maxLength: 60,
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
