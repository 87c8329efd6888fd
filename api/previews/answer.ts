import { z } from "@hono/zod-openapi";
import { channels } from "../../domain/channel.ts";
import { reasons } from "../../domain/delivery/reasons.ts";
import { maxStages, passedOverReasons, reachedLevels } from "../../domain/policy/route.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { instantCount, originCount, type PreviewTally } from "./tally.ts";

const countOf = (description: string, example: number) =>
  z.number().int().openapi({ description, example });

const statusCounts = {
  sent: countOf("Deliveries that would be sent at once", 700),
  waiting: countOf("Deliveries that would wait", 240),
  suppressed: countOf("Deliveries that would not be sent", 60),
};

const channel = z.enum(channels).openapi({ example: "email" });
const reason = z.enum(reasons);

/** The largest number of examples of each outcome. */
export const maxExamples = 20;

const examples = z.array(
  z.object({
    recipient: z.string().openapi({
      description: "The recipient’s id, or the external id of a recipient who does not exist yet",
      example: exampleIdOf("recipient"),
    }),
    stage: z
      .number()
      .int()
      .openapi({ description: "The number of the stage of the route, from 0", example: 0 }),
    channel,
    reason: reason.nullable().openapi({
      description: "Why the delivery would wait or not be sent; null if it would be sent",
      example: null,
    }),
    until: z.iso.datetime().nullable().openapi({
      description: "When a delivery that would wait is decided again; null for others",
      example: null,
    }),
  }),
);

/** What would happen to a message to many recipients. */
export const messagePreview = z
  .object({
    at: z.iso.datetime().openapi({
      description: "The time for which the message was decided: when it would go out",
    }),
    of: countOf("The number of recipients whom the message would have", 1_000),
    recipients: countOf("The number of recipients who were decided", 1_000),
    sampled: z.boolean().openapi({
      description:
        "Whether only some of the recipients were decided, so that all further counts are about these: a random sample of a large audience, or the recipients who were decided within ten seconds",
      example: false,
    }),
    versions: z.object({
      policy: z
        .number()
        .int()
        .openapi({ description: "The version of the policy; 0 means the defaults", example: 3 }),
      type: z.number().int().nullable().openapi({
        description: "The version of the notification type; null if the message has no type",
        example: 1,
      }),
    }),
    unreachable: countOf(
      "Recipients who have no usable address for any stage that begins at once: none at all, or one that is on the suppression list",
      12,
    ),
    deliveries: z.object(statusCounts).openapi({
      description:
        "The deliveries of the stages that begin at once, by what would happen to them. A recipient has one for each of these stages",
    }),
    reasons: z
      .array(
        z.object({
          status: z.enum(["waiting", "suppressed"]).openapi({ example: "waiting" }),
          reason: reason.openapi({ example: "quiet_hours" }),
          count: countOf("The number of these deliveries", 240),
          next: z
            .array(
              z.object({
                at: z.iso.datetime().openapi({ example: "2027-03-02T06:00:00.000Z" }),
                count: z.number().int().openapi({ example: 180 }),
              }),
            )
            .openapi({
              description: `When these deliveries are decided again, which may be when they are sent, and how many at each time: the next ${instantCount} times. Empty for suppressed deliveries`,
            }),
        }),
      )
      .openapi({
        description: "Why deliveries would wait or not be sent, the most frequent first",
      }),
    channels: z
      .array(z.object({ channel, ...statusCounts }))
      .openapi({ description: "The deliveries by their channel" }),
    passedOver: z
      .array(
        z.object({
          channel: channel.openapi({ example: "push" }),
          why: z.enum(passedOverReasons).openapi({ example: "no_address" }),
          count: z.number().int().openapi({ example: 310 }),
        }),
      )
      .openapi({
        description:
          "The channels that would not be used although they come before the channel of the delivery, and why",
      }),
    routes: z
      .array(
        z.object({
          origin: z.string().openapi({
            description: "What chose the route, as `origin` of a delivery’s explanation shows it",
            example: "policy@3",
          }),
          recipients: z.number().int().openapi({ example: 1_000 }),
        }),
      )
      .openapi({
        description: `How many recipients would have which route, the ${originCount} most frequent ones`,
      }),
    later: z
      .array(
        z.object({
          stage: z
            .number()
            .int()
            .min(1)
            .max(maxStages - 1)
            .openapi({ description: "The number of the stage", example: 1 }),
          after: z.object({
            minutes: z.number().int().openapi({ example: 10 }),
            unless: z.enum(reachedLevels).openapi({ example: "read" }),
          }),
          recipients: z.number().int().openapi({ example: 1_000 }),
        }),
      )
      .openapi({
        description:
          "The stages that begin some time after another one, and how many recipients have each in their route. They are not decided here, because they depend on what happens before",
      }),
    examples: z
      .object({ sent: examples, waiting: examples, suppressed: examples })
      .openapi({ description: "The first deliveries of each outcome" }),
  })
  .openapi("MessagePreview");

/** Puts together the answer from what was counted. */
export function messagePreviewJson(
  tally: PreviewTally,
  about: { at: Date; of: number; versions: { policy: number; type: number | null } },
): z.output<typeof messagePreview> {
  const { recipients, unreachable, counts, reasons: counted, origins, examples: found } = tally;
  const isoOf = (at: number) => new Date(at).toISOString();
  const examplesJson = (of: PreviewTally["examples"]["sent"]) =>
    of.map(({ until, ...example }) => ({
      ...example,
      until: until === null ? null : isoOf(until),
    }));
  return {
    at: about.at.toISOString(),
    of: about.of,
    recipients,
    sampled: recipients < about.of,
    versions: about.versions,
    unreachable,
    deliveries: counts,
    reasons: counted.map(({ next, ...one }) => ({
      ...one,
      next: next.map(({ at, count }) => ({ at: isoOf(at), count })),
    })),
    channels: tally.channels,
    passedOver: tally.passedOver,
    routes: origins,
    later: tally.later,
    examples: {
      sent: examplesJson(found.sent),
      waiting: examplesJson(found.waiting),
      suppressed: examplesJson(found.suppressed),
    },
  };
}
