import { describe, expect, it } from "vitest";
import { messageWarnings } from "./warnings.ts";

const codes = (...given: Parameters<typeof messageWarnings>) =>
  messageWarnings(...given).map(({ field, code }) => `${field} ${code}`);

describe("the warnings of a message", () => {
  it("name the platforms that cut a push notification, and how much they show", () => {
    const message = { title: "😀".repeat(50), body: "x".repeat(179) };
    expect(messageWarnings("push", message)).toEqual([
      {
        field: "title",
        code: "title_long",
        message: "The title has 50 characters. About 43 are shown on macOS.",
      },
      {
        field: "body",
        code: "body_long",
        message:
          "The body has 179 characters. About 178 are shown on iOS, 126 on Windows, 88 on macOS.",
      },
    ]);
    expect(codes("push", message, "android")).toEqual([]);
    expect(codes("push", message, "ios")).toEqual(["body body_long"]);
  });

  it("are about a long subject and clipped html of an email", () => {
    const message = { subject: "x".repeat(71), html: "x".repeat(104_449) };
    expect(codes("email", message)).toEqual(["subject subject_long", "html html_clipped"]);
    expect(codes("email", message, "ios")).toEqual([]);
    expect(codes("email", { subject: "x".repeat(70), html: "x" }, "gmail")).toEqual([]);
  });

  it("are none for an inbox item, which is shown whole", () => {
    expect(codes("in_app", { title: "x".repeat(500), body: "x".repeat(5_000) })).toEqual([]);
  });
});
