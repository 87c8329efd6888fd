import { describe, expect, it } from "vitest";
import { isAutomated, type LinkRequest } from "./engagement.ts";

const person: LinkRequest = {
  method: "GET",
  userAgent:
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
  purposes: [],
  sinceSentMs: 60_000,
};

describe("isAutomated", () => {
  it("takes a request for a person's if no sign of a machine is found", () => {
    expect(isAutomated(person)).toBe(false);
    const mail = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15";
    expect(isAutomated({ ...person, userAgent: mail })).toBe(false);
    expect(isAutomated({ ...person, sinceSentMs: 2_000 })).toBe(false);
    expect(isAutomated({ ...person, sinceSentMs: null })).toBe(false);
  });

  it.each<[string, Partial<LinkRequest>]>([
    ["a browser that prefetches", { purposes: ["prefetch"] }],
    ["a browser that prerenders", { purposes: ["prefetch;prerender"] }],
    ["a mail program that shows a preview", { purposes: ["preview"] }],
    ["a filter that sends HEAD", { method: "HEAD" }],
    ["Apple's proxy", { userAgent: "Mozilla/5.0" }],
    ["a program without a user agent", { userAgent: null }],
    ["a crawler", { userAgent: "Mozilla/5.0 (compatible; Googlebot/2.1)" }],
    ["an HTTP library", { userAgent: "python-requests/2.32" }],
    ["a mail filter", { userAgent: "Mozilla/5.0 (compatible; Proofpoint URL Defense)" }],
    ["a request one second after the hand-over", { sinceSentMs: 1_000 }],
  ])("recognises a machine: %s", (_, request) => {
    expect(isAutomated({ ...person, ...request })).toBe(true);
  });
});
