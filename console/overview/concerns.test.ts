import { expect, it } from "vitest";
import { listConcerns } from "./concerns.ts";

const provider = (name: string, state: "closed" | "open" | "half_open") => ({
  name,
  channel: "email",
  breaker: { state, reason: "connect ECONNREFUSED" },
});
const now = new Date("2027-03-01T12:00:00Z");
const campaign = (pauseDetail: string | null, updatedAt = "2027-03-01T09:00:00.000Z") => ({
  updatedAt,
  id: "cmp_01jd3v8qyee7fr8xmcsnh5hbcd",
  name: "Spring sale",
  pauseDetail,
});

it("is empty if nothing is wrong: waiting because of a preference is no concern", () => {
  expect(
    listConcerns({
      health: { waiting: { quiet_hours: 180, digest: 12 } },
      providers: [provider("smtp-1", "closed")],
      paused: [],
      now,
    }),
  ).toEqual([]);
});

it("lists open breakers, faults that deliveries wait for, and paused campaigns, the worst first", () => {
  const concerns = listConcerns({
    health: { waiting: { retry: 2, provider_unavailable: 1 } },
    providers: [provider("smtp-1", "half_open"), provider("smtp-2", "open")],
    paused: [campaign(null), campaign("550 spam")],
    now,
  });
  expect(concerns.map(({ weight, title }) => `${weight}: ${title}`)).toEqual([
    "poor: The provider smtp-2 is not used",
    "poor: 1 delivery waits for a provider to be available again",
    "poor: The campaign Spring sale is paused by Tidings",
    "fair: The provider smtp-1 is being tried again",
    "fair: 2 deliveries wait for another attempt",
    "fair: The campaign Spring sale is paused",
  ]);
  expect(concerns[2]?.detail).toBe("550 spam");
});

it("lists late digests, keys that expire soon, and no campaign that was paused just now", () => {
  const key = (name: string, expiresAt: string | null, state = "active") => ({
    name,
    expiresAt,
    state,
  });
  const concerns = listConcerns({
    health: { waiting: {} },
    providers: [],
    paused: [campaign(null, "2027-03-01T11:30:00.000Z")],
    digests: [
      { due: 3, oldestDueSeconds: 1_800 },
      { due: 9, oldestDueSeconds: 60 },
    ],
    keys: [
      key("billing", "2027-03-03T12:00:00.000Z"),
      key("gone", "2027-03-03T12:00:00.000Z", "revoked"),
      key("later", "2028-03-03T12:00:00.000Z"),
      key("always", null),
    ],
    now,
  });
  expect(concerns.map(({ title }) => title)).toEqual([
    "3 deliveries in digests should have been sent",
    "The API key billing expires in 2 d",
  ]);
});
