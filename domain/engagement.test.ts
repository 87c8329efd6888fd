import { describe, expect, it } from "vitest";
import { isAutomated, type LinkRequest } from "./engagement.ts";

const person: LinkRequest = {
  method: "GET",
  userAgent:
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
  purposes: [],
  sinceSentMs: 60_000,
};

describe("a link that is followed", () => {
  it("is followed by a person where nothing speaks against it", () => {
    expect(isAutomated(person)).toBe(false);
    const mail = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15";
    expect(isAutomated({ ...person, userAgent: mail })).toBe(false);
    expect(isAutomated({ ...person, sinceSentMs: 2_000 })).toBe(false);
    expect(isAutomated({ ...person, sinceSentMs: null })).toBe(false);
  });

  it.each<[string, Partial<LinkRequest>]>([
    ["a browser that looks ahead", { purposes: ["prefetch"] }],
    ["a browser that draws the page beforehand", { purposes: ["prefetch;prerender"] }],
    ["a mail program that shows a preview", { purposes: ["preview"] }],
    ["a filter that asks for the head only", { method: "HEAD" }],
    ["Apple's proxy", { userAgent: "Mozilla/5.0" }],
    ["a program without a name", { userAgent: null }],
    ["a crawler", { userAgent: "Mozilla/5.0 (compatible; Googlebot/2.1)" }],
    ["a program", { userAgent: "python-requests/2.32" }],
    ["a mail filter", { userAgent: "Mozilla/5.0 (compatible; Proofpoint URL Defense)" }],
    ["somebody a second after the hand-over", { sinceSentMs: 1_000 }],
  ])("is followed by a machine: %s", (_, request) => {
    expect(isAutomated({ ...person, ...request })).toBe(true);
  });
});
