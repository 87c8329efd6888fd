import { minuteMs } from "../../domain/time/durations.ts";
import type { Channel } from "../../domain/channel.ts";
import type { Reason } from "../../domain/delivery/reasons.ts";
import type { PreviewedRecipientOutcome } from "./preview-message.ts";

/** What a forecast has to know of the recipients who were decided. Instants are milliseconds since the epoch. */
export interface ForecastTally {
  recipients: number;
  /** The recipients of whom at least one message would be handed over. */
  reachable: number;
  /** The other recipients, by why their first message would not be sent. */
  lost: Map<Reason, number>;
  /** How many messages of each channel would be ready to be handed over at which minute. */
  arrivals: Map<Channel, Map<number, number>>;
  /** Why messages would wait. */
  waits: Map<Reason, { count: number; from: number; until: number }>;
}

/** Counts when messages to many recipients would be ready to be handed over, and to whom none would be. */
export function createForecastTally() {
  const tally: ForecastTally = {
    recipients: 0,
    reachable: 0,
    lost: new Map(),
    arrivals: new Map(),
    waits: new Map(),
  };
  return {
    add({ deliveries }: PreviewedRecipientOutcome): void {
      const [first] = deliveries;
      if (first === undefined) return;
      tally.recipients++;
      const kept = deliveries.filter(({ outcome }) => outcome.outcome !== "suppressed");
      if (kept.length > 0) tally.reachable++;
      else {
        const reason = first.outcome.reason!;
        tally.lost.set(reason, (tally.lost.get(reason) ?? 0) + 1);
      }
      for (const { stage, outcome } of kept) {
        const isWaiting = outcome.outcome === "waiting";
        // Rounded up, so that a forecast has few instants and none is too early.
        const at = isWaiting ? Math.ceil(outcome.at / minuteMs) * minuteMs : outcome.at;
        const ofChannel = tally.arrivals.get(stage.channel) ?? new Map<number, number>();
        tally.arrivals.set(stage.channel, ofChannel.set(at, (ofChannel.get(at) ?? 0) + 1));
        if (!isWaiting) continue;
        const { reason } = outcome;
        const wait = tally.waits.get(reason!) ?? { count: 0, from: at, until: at };
        tally.waits.set(reason!, {
          count: wait.count + 1,
          from: Math.min(wait.from, at),
          until: Math.max(wait.until, at),
        });
      }
    },
    count: () => tally,
  };
}
