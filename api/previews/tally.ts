import type { Channel } from "../../domain/channel.ts";
import type { Reason } from "../../domain/delivery/reasons.ts";
import type { PassedOver, Stage } from "../../domain/policy/route.ts";
import type { PreviewedRecipientOutcome } from "./preview-message.ts";

/** The largest number of instants that are listed for a reason. */
export const instantCount = 10;
/** The largest number of routes that are listed. */
export const originCount = 50;

/** What would happen to a delivery: it is sent at once, waits, or is not sent. */
export type PreviewStatus = "sent" | "waiting" | "suppressed";

/** The reasons for which a recipient has no usable address on a channel. */
const unreachableReasons: ReadonlySet<Reason | null> = new Set<Reason>([
  "no_address",
  "address_suppressed",
]);

/** One delivery, as an example of an outcome. Instants are milliseconds since the epoch. */
interface Example {
  recipient: string;
  stage: number;
  channel: Channel;
  reason: Reason | null;
  until: number | null;
}

export interface PreviewTally {
  recipients: number;
  /** Recipients of whom no delivery has a usable address. */
  unreachable: number;
  counts: Record<PreviewStatus, number>;
  reasons: {
    status: Exclude<PreviewStatus, "sent">;
    reason: Reason;
    count: number;
    /** When the deliveries that wait for this reason are decided again, the earliest first. */
    next: { at: number; count: number }[];
  }[];
  channels: ({ channel: Channel } & Record<PreviewStatus, number>)[];
  passedOver: { channel: Channel; why: PassedOver; count: number }[];
  origins: { origin: string; recipients: number }[];
  later: { stage: number; after: NonNullable<Stage["after"]>; recipients: number }[];
  examples: Record<PreviewStatus, Example[]>;
}

/** Counts what would happen to a message to many recipients, and keeps the first `exampleCount` examples of each outcome. */
export function createTally(exampleCount: number) {
  let [recipients, unreachable] = [0, 0];
  const counts = zeros();
  const reasons = new Map<
    string,
    PreviewTally["reasons"][number] & { instants: Map<number, number> }
  >();
  const channels = new Map<Channel, PreviewTally["channels"][number]>();
  const passedOver = new Map<string, PreviewTally["passedOver"][number]>();
  const origins = new Map<string, PreviewTally["origins"][number]>();
  const later = new Map<string, PreviewTally["later"][number]>();
  const examples: PreviewTally["examples"] = { sent: [], waiting: [], suppressed: [] };

  return {
    add({ recipient, chosen, deliveries, later: following }: PreviewedRecipientOutcome): void {
      recipients++;
      if (deliveries.every(({ outcome }) => unreachableReasons.has(outcome.reason))) unreachable++;
      find(origins, chosen.origin, () => ({ origin: chosen.origin, recipients: 0 })).recipients++;
      for (const { stage, outcome } of deliveries) {
        const { outcome: status, reason, at } = outcome;
        counts[status]++;
        find(channels, stage.channel, () => ({ channel: stage.channel, ...zeros() }))[status]++;
        if (status !== "sent") {
          const counted = find(reasons, `${status} ${reason}`, () => ({
            status,
            reason: reason!,
            count: 0,
            next: [],
            instants: new Map(),
          }));
          counted.count++;
          if (status === "waiting") counted.instants.set(at, (counted.instants.get(at) ?? 0) + 1);
        }
        for (const { channel, why } of stage.passedOver)
          find(passedOver, `${channel} ${why}`, () => ({ channel, why, count: 0 })).count++;
        if (examples[status].length < exampleCount)
          examples[status].push({
            recipient: recipient.shownId,
            stage: stage.number,
            channel: stage.channel,
            reason,
            until: status === "waiting" ? at : null,
          });
      }
      for (const { number, stage } of following)
        find(later, `${number} ${JSON.stringify(stage.after)}`, () => ({
          stage: number,
          after: stage.after!,
          recipients: 0,
        })).recipients++;
    },

    count: (): PreviewTally => ({
      recipients,
      unreachable,
      counts,
      reasons: [...reasons.values()]
        .map(({ instants, ...counted }) => ({
          ...counted,
          next: [...instants]
            .map(([at, count]) => ({ at, count }))
            .toSorted((a, b) => a.at - b.at)
            .slice(0, instantCount),
        }))
        .toSorted((a, b) => b.count - a.count),
      channels: [...channels.values()],
      passedOver: [...passedOver.values()].toSorted((a, b) => b.count - a.count),
      origins: [...origins.values()]
        .toSorted((a, b) => b.recipients - a.recipients)
        .slice(0, originCount),
      later: [...later.values()].toSorted((a, b) => a.stage - b.stage),
      examples,
    }),
  };
}

const zeros = (): Record<PreviewStatus, number> => ({ sent: 0, waiting: 0, suppressed: 0 });

function find<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = create()));
  return value;
}
