import { describe, expect, it } from "vitest";
import { createRedactor, marksOf, searchTexts } from "./personal-marks.ts";

const marks = marksOf({
  externalId: "customer-17",
  email: "Ada@B\u00fccher.example",
  phone: "+4915112345678",
  attributes: {
    name: "Ada Lovelace",
    vip: true,
    size: 42,
    tags: ["chess"],
    home: { town: "Bath" },
  },
});

describe("marks of a person", () => {
  it("are all spellings of an address, and the scalars in attributes with their places", () => {
    expect(marks.identifiers).toEqual(
      expect.arrayContaining([
        "ada@b\u00fccher.example",
        "ada@xn--bcher-kva.example",
        "+4915112345678",
      ]),
    );
    expect(marks.attributes).toEqual([
      { value: "Ada Lovelace", within: { name: "Ada Lovelace" } },
      { value: "chess", within: { tags: ["chess"] } },
      { value: "Bath", within: { home: { town: "Bath" } } },
    ]);
  });

  it("are searched for in their JSON encoding", () => {
    const quoted = marksOf({ externalId: 'a"b\\c', email: null, phone: null, attributes: {} });
    expect(searchTexts(quoted)).toEqual([String.raw`a\"b\\c`]);
  });
});

describe("a redactor", () => {
  const { text, json } = createRedactor(marks, ["Ada Lovelace", "chess"]);

  it.each([
    ["write to ada@B\u00dcCHER.example.", "write to [erased]."],
    ["welcome-ada@xn--bcher-kva.example", "welcome-[erased]"],
    ["call +4915112345678!", "call [erased]!"],
    ["order of customer-17", "order of [erased]"],
    ["Dear Ada Lovelace", "Dear [erased]"],
    ["chess", "[erased]"],
    // These belong to other people and only look similar.
    ["nada@b\u00fccher.example", "nada@b\u00fccher.example"],
    ["ada@b\u00fccher.example.org", "ada@b\u00fccher.example.org"],
    ["+49151123456789", "+49151123456789"],
    ["customer-170", "customer-170"],
    ["a chessboard", "a chessboard"],
    ["chess club", "chess club"],
  ])("turns %j into %j", (given, left) => {
    expect(text(given)).toBe(left);
  });

  it("redacts values and keys in JSON, and returns the same object where nobody is named", () => {
    expect(json({ a: [{ "ada@b\u00fccher.example": 1 }, "chess"], b: "x" })).toEqual({
      a: [{ "[erased]": 1 }, "[erased]"],
      b: "x",
    });
    const same = { a: ["b", { c: null }] };
    expect(json(same)).toBe(same);
  });

  it("redacts a short external id only in fields that contain external ids", () => {
    const { json: short } = createRedactor({ identifiers: [], externalId: "pro" });
    expect(
      short({
        any: [
          { attribute: "plan", equals: "pro" },
          { field: "externalId", in: ["pro", "max"] },
        ],
        where: { recipient: "pro" },
      }),
    ).toEqual({
      any: [
        { attribute: "plan", equals: "pro" },
        { field: "externalId", in: ["[erased]", "max"] },
      ],
      where: { recipient: "[erased]" },
    });
  });
});
