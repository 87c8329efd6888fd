import { expect, it } from "vitest";
import { listConcerns } from "./concerns.ts";

const provider = (name: string, state: "closed" | "open" | "half_open") => ({
  name,
  channel: "email",
  breaker: { state, reason: "connect ECONNREFUSED" },
});
const campaign = (pauseDetail: string | null) => ({
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
    }),
  ).toEqual([]);
});

it("lists open breakers, faults that deliveries wait for, and paused campaigns, the worst first", () => {
  const concerns = listConcerns({
    health: { waiting: { retry: 2, provider_unavailable: 1 } },
    providers: [provider("smtp-1", "half_open"), provider("smtp-2", "open")],
    paused: [campaign(null), campaign("550 spam")],
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
