import { z } from "@hono/zod-openapi";
import { subscribableKinds } from "../../domain/event-kinds.ts";
import {
  firstUuidAt,
  newUuid,
  parsePublicId,
  publicId,
  publicIdPattern,
} from "../../domain/ids.ts";
import { dayMs } from "../../domain/time/durations.ts";
import { instant } from "../../domain/time/instant.ts";
import { maxReplayDays, maxReplayedEvents } from "../../domain/webhook-endpoint.ts";
import { executeIn } from "../../ledger/sql.ts";
import { queueTest, replayEvent, replaySpan } from "../../ledger/webhook-replay.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { exampleIdOf, idParams, readPathId } from "../http/path-ids.ts";
import { invalid, Problem } from "../http/problem.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { lockEndpoint } from "./store.ts";

const replayed = z
  .strictObject({
    event: z
      .string()
      .regex(publicIdPattern("event"), "must be the id of an event")
      .optional()
      .openapi({ description: "The only event to send", example: exampleIdOf("event") }),
    from: instant.optional().openapi({
      description: "Events that occurred at this time or later",
      example: "2027-03-01T00:00:00Z",
    }),
    to: instant.optional().openapi({
      description: "Events that occurred before this time",
      example: "2027-03-02T00:00:00Z",
    }),
    kinds: z
      .array(z.enum(subscribableKinds))
      .min(1)
      .max(subscribableKinds.length)
      .optional()
      .openapi({ description: "Only events of these kinds; by default all kinds of the endpoint" }),
  })
  .refine(
    ({ event, from, to, kinds }) =>
      event === undefined
        ? from !== undefined && to !== undefined
        : from === undefined && to === undefined && kinds === undefined,
    "must have either `event`, or both `from` and `to`",
  )
  .refine(
    ({ from, to }) =>
      !from || !to || (from < to && to.getTime() - from.getTime() <= maxReplayDays * dayMs),
    `must have a \`to\` after \`from\`, and at most ${maxReplayDays} days later`,
  )
  .openapi({ example: { from: "2027-03-01T00:00:00Z", to: "2027-03-02T00:00:00Z" } });

const params = idParams("webhookEndpoint");

const replay = defineRoute({
  method: "post",
  path: "/v1/webhook-endpoints/{id}/replay",
  access: "admin",
  needsProof: true,
  summary: "Send events to a webhook endpoint again: one event, or those of a span of time",
  description: `Of a span it sends what the filters of the endpoint select, at most ${maxReplayedEvents} events; with more, nothing is sent. Events keep their ids, by which the receiver recognises those that it has had.`,
  request: { params, body: jsonContent(replayed) },
  responses: responses(
    202,
    "The number of events that are sent",
    z.object({ events: z.number().int().openapi({ example: 120 }) }),
  ),
});

const test = defineRoute({
  method: "post",
  path: "/v1/webhook-endpoints/{id}/test",
  access: "admin",
  summary: "Send a test to a webhook endpoint: an event of the kind `webhook.test`",
  description:
    "It is sent within seconds, once, before what waits, also if the endpoint is not to be tried again yet. The log of requests shows what came of it.",
  request: { params },
  responses: responses(
    202,
    "The event of the test",
    z.object({ event: z.string().openapi({ example: exampleIdOf("event") }) }),
  ),
});

/** The routes that have something sent to a webhook endpoint. A worker sends it. */
export function webhookSendingRoutes(services: Services) {
  const { clock } = services;

  async function lockEnabled(tx: Prisma.TransactionClient, id: string): Promise<void> {
    const { isEnabled } = await lockEndpoint(tx, id);
    if (!isEnabled)
      throw new Problem("conflict", "The endpoint is switched off. Switch it on, and try again.");
  }

  return createRouter()
    .openapi(replay, async (c) => {
      const id = readPathId("webhookEndpoint", c.req.valid("param").id);
      const { event, from, to, kinds } = c.req.valid("json");
      const body = await withAuditedTransaction(c, services, async (tx) => {
        await lockEnabled(tx, id);
        const execute = executeIn(tx);
        const events =
          event !== undefined
            ? await replayEvent(execute, { id, eventId: parsePublicId("event", event)! })
            : await replaySpan(execute, {
                id,
                from: firstUuidAt(from!),
                to: firstUuidAt(to!),
                kinds: kinds ?? subscribableKinds,
              });
        if (event !== undefined && events === 0)
          throw invalid([{ in: "body", field: "/event", message: "is not the id of an event" }]);
        if (events > maxReplayedEvents)
          throw new Problem(
            "conflict",
            `The span has more than ${maxReplayedEvents} events for the endpoint. Choose a shorter one, or fewer kinds.`,
          );
        const after =
          event !== undefined
            ? { event, events }
            : { from: from!.toISOString(), to: to!.toISOString(), kinds: kinds ?? null, events };
        const resource = publicId("webhookEndpoint", id);
        return {
          body: { events },
          changes: [{ action: "webhook_endpoint.replay", resource, after }],
        };
      });
      return c.json(body, 202);
    })
    .openapi(test, async (c) => {
      const id = readPathId("webhookEndpoint", c.req.valid("param").id);
      const eventId = newUuid(clock());
      const body = await withAuditedTransaction(c, services, async (tx) => {
        await lockEnabled(tx, id);
        if (!(await queueTest(executeIn(tx), { id, eventId })))
          throw new Problem(
            "conflict",
            "A test of the endpoint is under way. Wait for it to end.",
            {
              headers: { "Retry-After": "1" },
            },
          );
        const sent = { event: publicId("event", eventId) };
        const resource = publicId("webhookEndpoint", id);
        return {
          body: sent,
          changes: [{ action: "webhook_endpoint.test", resource, after: sent }],
        };
      });
      return c.json(body, 202);
    });
}
