import { expect, it } from "vitest";
import { csvField } from "./export-formats.ts";

it.each(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])(
  "keeps %j from becoming a formula",
  (text) => {
    expect(csvField(text)).toMatch(/^"?'/);
  },
);

it("writes other values as RFC 4180 says", () => {
  expect([
    csvField("plain"),
    csvField(null),
    csvField(-3),
    csvField('a "b", c'),
    csvField("550 5.1.1"),
  ]).toEqual(["plain", "", "-3", '"a ""b"", c"', "550 5.1.1"]);
});
