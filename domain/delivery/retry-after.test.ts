import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { longestRetryAfterMs, parseRetryAfter, smtpRetryAfterMs } from "./retry-after.ts";

const now = new Date("2026-11-24T12:00:00Z");
const later = (text: string) => parseRetryAfter(text, now)?.toISOString() ?? null;

describe("Retry-After", () => {
  it.each([
    ["120", "2026-11-24T12:02:00.000Z"],
    [" 1 ", "2026-11-24T12:00:01.000Z"],
    ["Tue, 24 Nov 2026 12:00:30 GMT", "2026-11-24T12:00:30.000Z"],
    ["Tuesday, 24-Nov-26 13:00:00 GMT", "2026-11-24T13:00:00.000Z"],
    ["Tue Nov 24 18:00:00 2026", "2026-11-24T18:00:00.000Z"],
  ])("%s", (text, expected) => {
    expect(later(text)).toBe(expected);
  });

  it.each([
    "",
    "0",
    "-5",
    "1.5",
    "soon",
    "60 seconds",
    "1e3",
    "2026-11-24T13:00:00Z",
    "Tue, 24 Nov 2026 11:59:59 GMT",
    "Tue, 24 Nov 2026 12:00:30 CET",
    "Tuesday, 24-Nov-25 13:00:00 GMT",
  ])("is ignored: %s", (text) => {
    expect(later(text)).toBeNull();
  });

  it("is bounded", () => {
    const bound = new Date(now.getTime() + longestRetryAfterMs).toISOString();
    expect(later("9".repeat(400))).toBe(bound);
    expect(later("Fri, 31 Dec 9999 23:59:59 GMT")).toBe(bound);
    expect(later("Sunday, 24-Nov-30 13:00:00 GMT")).toBe(bound);
  });

  it("reads a year of two digits as at most 50 years ahead, also across the end of a century", () => {
    const eve = new Date("2099-12-31T23:59:00Z");
    expect(parseRetryAfter("Friday, 01-Jan-00 00:01:00 GMT", eve)?.toISOString()).toBe(
      "2100-01-01T00:01:00.000Z",
    );
    const after = new Date("2100-01-01T00:00:00Z");
    expect(parseRetryAfter("Thursday, 31-Dec-99 23:59:59 GMT", after)).toBeNull();
  });

  it("never throws, and is never in the past or beyond its bound", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.nat().map(String),
          fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
        ),
        (text) => {
          const at = parseRetryAfter(text, now);
          if (at === null) return;
          expect(at.getTime()).toBeGreaterThan(now.getTime());
          expect(at.getTime()).toBeLessThanOrEqual(now.getTime() + longestRetryAfterMs);
        },
      ),
    );
  });

  it("parses the output of toUTCString, for any second", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 86_400 }), (seconds) => {
        const at = new Date(now.getTime() + seconds * 1_000);
        expect(parseRetryAfter(at.toUTCString(), now)).toEqual(at);
      }),
    );
  });
});

describe("the delay that an SMTP server asks for", () => {
  it.each([
    ["421 4.7.0 Try again in 60 seconds", 60_000],
    ["421 Too many connections, please try again after 5 minutes.", 300_000],
    ["451 Retry-After: 30", 30_000],
    ["452 4.3.1 Insufficient system storage, wait 1 hour", 3_600_000],
    ["450 4.7.1 rate limited; retry after 90s", 90_000],
    ["421-4.7.28 Unusual rate\n421 4.7.28 come back in 2 min", 120_000],
    ["421 retry in 999999 hours", longestRetryAfterMs],
    ["451 greylisted, try again in 20 seconds", 20_000],
    ["421 4.7.0 slow down, retry-after: 20", 20_000],
    ["450 4.2.0 Greylisted for 5 minutes", 300_000],
    ["451 4.7.1 Greylisting in action, please come back in 00:04:59", 299_000],
    ["451 4.7.1 come back in 1 h 30 min", 5_400_000],
    ["450 4.7.1 retry in 4 minutes and 30 seconds", 270_000],
    ["454 4.7.0 retry after 30 seconds", 30_000],
  ])("%s", (reply, expected) => {
    expect(smtpRetryAfterMs(reply)).toBe(expected);
  });

  it.each([
    "421 4.3.2 shutting down",
    "451 please try again later",
    "451 try again in a few minutes",
    "550 no such user; try again in 60 seconds",
    "250 wait 5 seconds",
    "421 you have sent 60 messages in 5 minutes",
    "421 try again in 0 seconds",
    "451 queued as 60 seconds",
    "421 wait 5 mails",
  ])("is missing in: %s", (reply) => {
    expect(smtpRetryAfterMs(reply)).toBeNull();
  });
});
