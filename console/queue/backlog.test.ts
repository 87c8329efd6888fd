import { expect, it } from "vitest";
import { explainBacklog } from "./backlog.ts";

type Given = Parameters<typeof explainBacklog>[0];

const gate = (changes: object) => ({
  kind: "provider",
  name: "smtp-1",
  shutUntil: null,
  shutReason: null,
  hourlyQuota: null,
  usedThisHour: 0,
  hourResetsAt: null,
  dailyQuota: null,
  usedToday: 0,
  dayResetsAt: null,
  ...changes,
});
const provider = (state: string) => ({
  name: state,
  breaker: { state, reason: null, nextTrialAt: "2027-03-01T09:00:00Z" },
});
const explain = (given: object) =>
  explainBacklog({
    providers: [],
    gates: [],
    pausedCampaigns: 0,
    health: undefined,
    ...given,
  } as Given).map(({ key, until, triedAt }) => [key, until ?? triedAt ?? null]);

it("names nothing where nothing keeps deliveries waiting", () => {
  expect(explain({ providers: [provider("closed")], gates: [gate({})] })).toEqual([]);
});

it("names open breakers, paused gates, used quotas and paused campaigns, with when they end", () => {
  const day = { dailyQuota: 10, usedToday: 10, dayResetsAt: "2027-03-02T00:00:00Z" };
  const hour = { hourlyQuota: 5, usedThisHour: 4, hourResetsAt: "2027-03-01T10:00:00Z" };
  expect(
    explain({
      providers: [provider("open"), provider("half_open")],
      gates: [gate({ ...day, ...hour, shutUntil: "2027-03-01T09:30:00Z" })],
      pausedCampaigns: 2,
    }),
  ).toEqual([
    ["breaker open", "2027-03-01T09:00:00Z"],
    ["breaker half_open", "2027-03-01T09:00:00Z"],
    ["shut provider smtp-1", "2027-03-01T09:30:00Z"],
    ["day provider smtp-1", "2027-03-02T00:00:00Z"],
    ["paused", null],
  ]);
});
