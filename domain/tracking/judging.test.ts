import { describe, expect, it } from "vitest";
import { findSuspicion, type Hit, judgeHits } from "./judging.ts";

const chrome =
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

describe("what a request shows of who made it", () => {
  it.each([
    ["a browser", "GET", chrome, 7, null],
    [
      "the mail program of a telephone",
      "GET",
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
      null,
      null,
    ],
    [
      "the proxy of Gmail",
      "GET",
      "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
      null,
      null,
    ],
    ["a HEAD", "HEAD", chrome, 7, "head"],
    ["the proxy of Apple", "GET", "Mozilla/5.0", null, "program"],
    ["a program", "GET", "python-requests/2.32", 7, "program"],
    ["no user agent", "GET", undefined, 7, "program"],
    ["the hidden link", "GET", chrome, 0, "hidden_link"],
  ])("%s", (_, method, userAgent, link, suspicion) => {
    expect(findSuspicion({ method, userAgent, link })).toBe(suspicion);
  });
});

describe("who made the hits of a message", () => {
  const open = (atMs: number): Hit => ({ kind: "open", link: null, atMs, suspicion: null });
  const click = (atMs: number, link = 7): Hit => ({ kind: "click", link, atMs, suspicion: null });
  const by = (hits: Hit[], handedOverAtMs: number | null = 0) => judgeHits(hits, handedOverAtMs);

  it("is a person where nothing speaks against it", () => {
    expect(by([open(10_000), click(12_000), click(12_500), click(15_501, 8)])).toEqual(
      Array(4).fill("person"),
    );
    expect(by([open(0)], null)).toEqual(["person"]);
  });

  it("is a program within two seconds of the hand-over, and before it is recorded", () => {
    expect(by([open(-300), open(1_999), open(2_000)])).toEqual(["machine", "machine", "person"]);
  });

  it("is a program where it follows several links within three seconds", () => {
    expect(by([click(10_000), click(13_000, 8), click(16_001, 9)])).toEqual([
      "machine",
      "machine",
      "person",
    ]);
  });

  it("is a program within a minute of the hidden link, before and after it", () => {
    const hidden: Hit = { ...click(100_000, 0), suspicion: "hidden_link" };
    expect(by([open(39_999), open(40_000), hidden, click(160_000), click(160_001)])).toEqual([
      "person",
      "machine",
      "machine",
      "machine",
      "person",
    ]);
  });
});
