import { expect, it } from "vitest";
import type { Channel } from "../activities/channels/channel.ts";
import { createChannels } from "../activities/channels/channels.ts";
import type { BreakerState } from "../ledger/breakers.ts";
import type { Gates } from "../ledger/gates.ts";
import { instrumentChannels, instrumentGates } from "./instrumentation.ts";
import { createWorkerMetrics } from "./metrics.ts";

it("reports the current state of each provider's breaker", async () => {
  const metrics = createWorkerMetrics();
  const states = new Map<string, BreakerState>([
    ["smtp-1", "open"],
    ["smtp-2", "closed"],
  ]);
  metrics.watchBreakers(() => states);
  const seen = async () =>
    (await metrics.registry.metrics())
      .split("\n")
      .filter((line) => /^tidings_breaker_state\{.*\} 1$/.test(line));
  expect(await seen()).toEqual([
    'tidings_breaker_state{provider="smtp-1",state="open"} 1',
    'tidings_breaker_state{provider="smtp-2",state="closed"} 1',
  ]);
  states.set("smtp-1", "half_open");
  expect(await seen()).toContain('tidings_breaker_state{provider="smtp-1",state="half_open"} 1');
});

it("counts how often a gate had no slot to grant, by its kind", async () => {
  const metrics = createWorkerMetrics();
  const gates = instrumentGates(
    {
      grant: ({ key, wanted }) =>
        Promise.resolve(
          key === "channel/email" ? null : { granted: key === "provider/smtp-1" ? 0 : wanted },
        ),
    } as Gates,
    metrics,
  );
  for (const key of ["provider/smtp-1", "provider/smtp-1", "campaign/cmp_1", "channel/email"])
    await gates.grant({ key, wanted: 1 });
  const text = await metrics.registry.metrics();
  expect(text).toContain('tidings_gate_waits_total{gate="provider"} 2');
  for (const gate of ["campaign", "channel"])
    expect(text).toContain(`tidings_gate_waits_total{gate="${gate}"} 0`);
});

it("counts the messages of a channel, and passes on its other members", () => {
  const channel = { name: "email", countApart: () => 3 } as Partial<Channel> as Channel;
  const [counted] = instrumentChannels(
    createChannels([channel]),
    "delivery",
    createWorkerMetrics(),
  ).all;
  expect(counted!.countApart!()).toBe(3);
});
