import { describe, expect, it } from "vitest";
import type { Asked } from "./asked.ts";
import { findShortfalls, type OwedRow } from "./shortfalls.ts";

const quiet: Asked["quiet"] = { addresses: new Set(["quiet@example.org"]), until: 9_000 };
const campaign = (stopped: Asked["campaigns"][number]["stopped"], isCancelled = false) => ({
  id: "cmp",
  audience: 1,
  isCancelled,
  stopped,
});
const message = (begunAt: number, at = begunAt, address = "ada@example.org") => ({
  deliveryId: "dlv",
  address,
  begunAt,
  at,
});
const row = (status: string, source = "cmp"): OwedRow => ({ id: "dlv", status, source });
const none = { lost: 0, early: 0, begunAfterStop: 0, finishedAfterStop: 0 };

describe("a message of a campaign that was stopped at 1,000 and went on at 2,000", () => {
  it.each([
    ["begun and finished before", message(900, 950), none],
    ["begun before, finished after", message(900, 1_100), { ...none, finishedAfterStop: 1 }],
    ["begun after", message(1_100), { ...none, begunAfterStop: 1 }],
    ["begun once it went on", message(2_100), none],
  ])("%s", (_, one, expected) => {
    const asked = {
      campaigns: [campaign({ from: 1_000, until: 2_000 })],
      notifications: [],
      quiet,
    };
    expect(findShortfalls({ asked, rows: [row("sent")], messages: [one] })).toEqual(expected);
  });
});

describe("a notification for 5,000 that waits for longer than the run", () => {
  const asked = {
    campaigns: [],
    notifications: [{ id: "ntf", notBefore: 5_000, waits: true }],
    quiet,
  };
  it.each([
    ["waits", [row("pending", "ntf")], [], none],
    ["was sent at its time", [row("sent", "ntf")], [message(5_000)], none],
    ["was sent before", [row("sent", "ntf")], [message(4_999)], { ...none, early: 1 }],
    [
      "was sent in quiet hours",
      [row("sent", "ntf")],
      [message(8_999, 8_999, "quiet@example.org")],
      { ...none, early: 1 },
    ],
    ["is gone", [], [], { ...none, lost: 1 }],
    ["ended without a message", [row("failed", "ntf")], [], { ...none, lost: 1 }],
  ])("%s", (_, rows, messages, expected) => {
    expect(findShortfalls({ asked, rows, messages })).toEqual(expected);
  });
});

describe("one of a campaign", () => {
  it.each([
    ["that is called sent and never came", false, "sent", { ...none, lost: 1 }],
    ["that is still open", false, "pending", { ...none, lost: 1 }],
    ["that was cancelled though its campaign was not", false, "cancelled", { ...none, lost: 1 }],
    ["that was cancelled with its campaign", true, "cancelled", none],
    ["that nobody knows of", true, "unknown", none],
  ])("%s", (_, isCancelled, status, expected) => {
    const asked = { campaigns: [campaign(null, isCancelled)], notifications: [], quiet };
    expect(findShortfalls({ asked, rows: [row(status)], messages: [] })).toEqual(expected);
  });
});
