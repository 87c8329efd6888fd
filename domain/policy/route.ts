import { z } from "zod";
import { type Channel, channels } from "../channel.ts";
import { priorities } from "../priority.ts";

/** The channels on which this version sends messages, the preferred one first. */
export const routedChannels = ["email", "push", "in_app"] as const satisfies readonly Channel[];

/** How far a message has come with its recipient, each level including those before it. */
export const reachedLevels = ["sent", "delivered", "seen", "read", "acted"] as const;
export type ReachedLevel = (typeof reachedLevels)[number];

/** The maximum number of stages of a route. */
export const maxStages = 4;
const maxMinutes = 7 * 24 * 60;

const via = z
  .union([
    z.literal("preferred"),
    z
      .array(z.enum(routedChannels))
      .min(1, "must name at least one channel")
      .refine((named) => new Set(named).size === named.length, "must name each channel once"),
  ])
  .meta({
    description:
      "The channels in the order in which they are tried: the first one that works takes the message. `preferred` stands for all channels in the order that the recipient has chosen",
    example: ["push", "email"],
  });

const after = z
  .strictObject({
    minutes: z
      .int(`must be a whole number of minutes from 1 to ${maxMinutes}`)
      .min(1, `must be from 1 to ${maxMinutes} minutes`)
      .max(maxMinutes, `must be from 1 to ${maxMinutes} minutes`)
      .meta({
        description: "The number of minutes after the end of the stage before",
        example: 10,
      }),
    unless: z.enum(reachedLevels).meta({
      description:
        "The stage is left out if an earlier stage has reached the recipient this far. A message that nobody can know to be read, such as an email without tracking, counts as not read",
      example: "read",
    }),
  })
  .meta({
    description:
      "When the stage begins. Without it, the stage begins at once, together with the first. If the stage before fails, the stage begins when that fails",
  });

const stage = z.strictObject({ via, after: after.optional() });

/** A route as callers give it. */
export const route = z
  .strictObject({
    stages: z
      .array(stage)
      .min(1, "must have at least one stage")
      .max(maxStages, `must have at most ${maxStages} stages`)
      .refine(([first]) => first?.after === undefined, "must begin with a stage without `after`"),
  })
  .meta({
    description:
      "The stages by which a message reaches its recipient. Each stage is a delivery of its own, which uses one of its channels",
    example: {
      stages: [
        { via: ["in_app"] },
        { via: ["push", "email"], after: { minutes: 10, unless: "read" } },
      ],
    },
  });

export type Route = z.output<typeof route>;
export type Stage = Route["stages"][number];

/** A route as it is stored for deliveries, with the template versions that a routing rule has chosen. */
export const resolvedRoute = z.strictObject({
  stages: z.array(stage),
  /** The UUIDs of template versions that are used instead of the source's, by channel. */
  templates: z.partialRecord(z.enum(channels), z.uuid()).optional(),
  /** The priority that a routing rule has set for the messages. */
  priority: z.enum(priorities).optional(),
});

export type ResolvedRoute = z.output<typeof resolvedRoute>;

/** The leg of a stage; the first stage is the primary one. */
export const stageLeg = (stage: number): string => (stage === 0 ? "primary" : `stage:${stage}`);

/** The number of the stage of a leg; null for the leg of a snoozed message. */
export function stageOfLeg(leg: string): number | null {
  if (leg === "primary") return 0;
  const [, stage] = /^stage:(\d)$/.exec(leg) ?? [];
  return stage === undefined ? null : Number(stage);
}

/** Why a channel of a stage is not used. */
export const passedOverReasons = [
  "failed",
  "no_content",
  "type_forbids",
  "channel_off",
  "no_address",
  "address_suppressed",
  "no_provider",
] as const;
export type PassedOver = (typeof passedOverReasons)[number];

/** Returns why a channel cannot be used for a message; null if it can. */
export type JudgeChannel = (channel: Channel) => PassedOver | null;

export interface ChosenChannel {
  channel: Channel;
  /** The channels before it, and why each is not used. */
  passedOver: { channel: Channel; why: PassedOver }[];
}

/**
 * Chooses the channel of a stage: the first one that can be used. If none can, it is the first that has not failed, and the policy
 * says why no message is sent on it.
 * @param order the channels of the stage in their order (`orderOfStage`); not empty
 */
export function chooseChannel(order: readonly Channel[], judge: JudgeChannel): ChosenChannel {
  const passedOver: ChosenChannel["passedOver"] = [];
  for (const channel of order) {
    const why = judge(channel);
    if (why === null) return { channel, passedOver };
    passedOver.push({ channel, why });
  }
  const channel = passedOver.find(({ why }) => why !== "failed")?.channel ?? order[0]!;
  return { channel, passedOver: passedOver.filter((other) => other.channel !== channel) };
}

/**
 * The channels of a stage in the order in which they are tried.
 * @param channelOrder the recipient's order of channels, from their preferences
 */
export function orderOfStage(
  { via }: Pick<Stage, "via">,
  channelOrder: readonly Channel[],
): readonly Channel[] {
  if (via !== "preferred") return via;
  const chosen = channelOrder.filter((channel) => isRouted(channel));
  return [...chosen, ...routedChannels.filter((channel) => !chosen.includes(channel))];
}

const isRouted = (channel: Channel): channel is (typeof routedChannels)[number] =>
  (routedChannels as readonly Channel[]).includes(channel);

/** The channel of messages without a route: email, or another one if their type forbids email. */
export const defaultChannel = (
  type: { channels: readonly Channel[] } | null,
): (typeof routedChannels)[number] =>
  routedChannels.find((channel) => type === null || type.channels.includes(channel)) ??
  routedChannels[0];

/** The route of messages for which nothing else chooses one. */
export const defaultRoute = (type: { channels: readonly Channel[] } | null): Route => ({
  stages: [{ via: [defaultChannel(type)] }],
});

/** Whether the type allows a channel on which messages are sent. */
export const isRoutable = (type: { channels: readonly Channel[] }): boolean =>
  type.channels.some(isRouted);

/** An earlier stage of the same route, for the same recipient. */
export interface EarlierStage {
  number: number;
  /** How far it has come; null where it was not sent. */
  reached: ReachedLevel | null;
  /** When it is due, in milliseconds since the epoch; null once it has ended. */
  dueAt: number | null;
}

/** Whether a level includes another one. */
export const includesLevel = (reached: ReachedLevel | null, level: ReachedLevel): boolean =>
  reached !== null && reachedLevels.indexOf(reached) >= reachedLevels.indexOf(level);

/** The level just below another one; null below the lowest. */
export const levelBelow = (level: ReachedLevel): ReachedLevel | null =>
  reachedLevels[reachedLevels.indexOf(level) - 1] ?? null;

/** Whether a message may be repeated on the channel without anybody noticing: each has an id, under which it is stored once. */
export const isRepeatSafe = (channel: Channel): boolean => channel === "in_app";

/** Whether messages on the channel interrupt nobody, so that they need not wait for quiet hours and do not count towards limits. */
export const isQuiet = (channel: Channel): boolean => channel === "in_app";
