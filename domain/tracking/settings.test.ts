import { expect, it } from "vitest";
import { resolveTracking, type TrackedMessage } from "./settings.ts";

const both = { opens: true, clicks: true };
const resolve = (message: Partial<TrackedMessage>) =>
  resolveTracking({
    campaign: null,
    type: null,
    preference: undefined,
    priority: "normal",
    ...message,
  });

it("tracks nothing unless a campaign or a type asks for it, and the campaign has the last word", () => {
  expect(resolve({})).toEqual({ opens: false, clicks: false });
  expect(resolve({ type: { tracking: both, mandatory: false } })).toEqual(both);
  expect(resolve({ campaign: both })).toEqual(both);
  const none = { opens: false, clicks: false };
  expect(resolve({ campaign: none, type: { tracking: both, mandatory: false } })).toEqual(none);
});

it("tracks nothing that the recipient refuses, and nothing that they alone ask for", () => {
  expect(resolve({ campaign: both, preference: { opens: false } })).toEqual({
    opens: false,
    clicks: true,
  });
  expect(resolve({ campaign: both, preference: { clicks: false } }).clicks).toBe(false);
  expect(resolve({ preference: both })).toEqual({ opens: false, clicks: false });
});

it("tracks clicks at most of mandatory types and critical messages", () => {
  const clicksOnly = { opens: false, clicks: true };
  expect(resolve({ type: { tracking: both, mandatory: true } })).toEqual(clicksOnly);
  expect(resolve({ campaign: both, priority: "critical" })).toEqual(clicksOnly);
});
