import { z } from "@hono/zod-openapi";
import { channels } from "../../domain/channel.ts";
import { passedOverReasons, route } from "../../domain/policy/route.ts";
import { attemptFailures } from "../../domain/delivery/attempt.ts";
import { reasons } from "../../domain/delivery/reasons.ts";
import { deliveryStatuses } from "../../domain/delivery/status.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { decisionAnswer, ruleAnswer, versionsAnswer } from "./decision-json.ts";

/** The explanation of one delivery, as every route shows it. */
export const explanationAnswer = z
  .object({
    delivery: z.string().openapi({ example: exampleIdOf("delivery") }),
    source: z.string().openapi({
      description: "The campaign or notification of the delivery: cmp_… or ntf_…",
      example: exampleIdOf("notification"),
    }),
    recipient: z.string().openapi({ example: exampleIdOf("recipient") }),
    summary: z.string().openapi({
      description: "What happened to the delivery and why, in one or two sentences",
      example:
        "It waits until 2027-03-02T06:00:00.000Z (Tuesday 2027-03-02 07:00 +01:00 in Europe/Berlin), for the recipient’s quiet hours to end.",
    }),
    status: z.enum(deliveryStatuses).openapi({ example: "pending" }),
    reason: z.enum(reasons).nullable().openapi({
      description: "Why the delivery waits, or why it ended as it did, as recorded in the ledger",
      example: "quiet_hours",
    }),
    basis: z.enum(["record", "now"]).openapi({
      description:
        "`record`: the last decision about the delivery, repeated with the facts that it was made with. `now`: the delivery has no decision yet or awaits a new one, so it is decided on the current facts.",
      example: "record",
    }),
    asOf: z.iso.datetime().openapi({
      description: "The instant that the decision applies to",
      example: "2027-03-01T22:30:00.000Z",
    }),
    versions: versionsAnswer,
    decision: decisionAnswer,
    consistent: z.boolean().openapi({
      description:
        "Whether the recorded decision and the repeated one agree. If they differ, `decision` is the recorded one, and `notes` describes the repeated one.",
      example: true,
    }),
    notes: z.array(z.string()).openapi({
      description: "What is no longer known, and what the explanation assumes instead",
      example: [],
    }),
    rules: z
      .array(ruleAnswer)
      .openapi({ description: "Every rule, in the order in which they are evaluated" }),
    group: z
      .object({
        id: z.string().openapi({ example: exampleIdOf("group") }),
        kind: z.enum(["batch", "digest"]),
        members: z.number().int().openapi({ example: 3 }),
        closesAt: z.iso.datetime(),
      })
      .nullable()
      .openapi({
        description: "The batch or digest with which the delivery is, or was, sent as one message",
        example: null,
      }),
    route: z
      .object({
        origin: z.string().openapi({
          description:
            "What chose the route: `request`, `rule:KEY@VERSION`, `type:KEY@VERSION`, `policy@VERSION` or `default`",
          example: "type:task.deadline@3",
        }),
        stage: z.number().int().openapi({ description: "The number of this delivery's stage" }),
        stages: route.shape.stages,
        channel: z.enum(channels),
        passedOver: z
          .array(
            z.object({
              channel: z.enum(channels),
              why: z.enum([...passedOverReasons, "out_of_service"]),
              since: z.iso.datetime().nullable().openapi({
                description:
                  "Since when the channel was out of service; null where `why` says something else",
              }),
            }),
          )
          .openapi({
            description:
              "The channels of the stage that come before the present one, and why each is not used now. `out_of_service`: the delivery left the channel during an outage",
            example: [{ channel: "push", why: "failed", since: null }],
          }),
      })
      .nullable()
      .openapi({
        description:
          "The route of the delivery; null where it has one stage with one channel, and for a snoozed message",
        example: null,
      }),
    stops: z
      .array(
        z.object({
          gate: z.string().openapi({
            description: "What is stopped: `channel/…` or `provider/…`",
            example: "channel/email",
          }),
          since: z.iso.datetime(),
          until: z.iso.datetime(),
          reason: z.string().openapi({ example: "The shop sends wrong prices" }),
          by: z.string().openapi({
            description:
              "Who has stopped it: the id of an operator, or of the API key that was used",
            example: "bootstrap",
          }),
        }),
      )
      .openapi({
        description:
          "The stops of the channel and its providers by operators, for which an open delivery waits. While only some providers are stopped, the others are used",
        example: [],
      }),
    attempts: z.object({
      count: z.number().int().openapi({ example: 0 }),
      last: z
        .object({
          outcome: z.enum(["sent", "transient", "permanent", "unknown"]),
          failure: z.enum(attemptFailures).nullable(),
          response: z.string().nullable().openapi({ example: "450 4.2.0 greylisted" }),
          finishedAt: z.iso.datetime(),
        })
        .nullable()
        .openapi({ example: null }),
    }),
  })
  .openapi("Explanation");

export type Explanation = z.output<typeof explanationAnswer>;
