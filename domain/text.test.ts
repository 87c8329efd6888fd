import { expect, it } from "vitest";
import { cutText } from "./text.ts";

it("cuts a text between characters, never within one", () => {
  expect(cutText("abc", 3)).toBe("abc");
  expect(cutText("abcd", 3)).toBe("abc");
  expect(cutText("ab😀", 3)).toBe("ab");
  expect(cutText("a😀b", 3)).toBe("a😀");
});
