import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { parsePublicId, publicId, publicIdPattern } from "../../domain/ids.ts";
import { changeOf } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import { priorities } from "../../domain/priority.ts";
import { deliveryAnswer, deliveryJson, readDelivery } from "./store.ts";
import {
  changeDeliveries,
  changeRows,
  countMatching,
  type DeliveryChange,
  type Selection,
  type SkipReason,
  type Skipped,
  wakeFor,
} from "./changes.ts";
import { deliveryFilterBody, type DeliveryFilters, findNamed } from "./filters.ts";
import { commitOnce, idempotencyHeaders } from "../http/idempotency.ts";
import { Problem } from "../http/problem.ts";
import { absent, exampleIdOf, idInPath, idParams } from "../http/path-ids.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { runOf } from "../../ledger/run.ts";
import { createTurns } from "../../lib/concurrency-limit.ts";
import type { Services } from "../services.ts";

const maxIds = 1_000;

const includeUnknown = z.boolean().default(false).openapi({
  description:
    "Those too whose outcome nobody knows. They may have arrived: a recipient may hear it twice.",
});

const ids = z
  .array(z.string().regex(publicIdPattern("delivery"), "must be the id of a delivery"))
  .min(1, "must name at least one delivery")
  .max(maxIds, `must name at most ${maxIds} deliveries: select more with where`)
  .openapi({ example: [exampleIdOf("delivery")] });

const dryRun = z
  .boolean()
  .default(false)
  .openapi({ description: "Only say how many match, and change nothing" });

const cursor = z
  .string()
  .regex(publicIdPattern("delivery"), "must be the nextCursor of the answer before")
  .optional()
  .openapi({ description: "nextCursor of the answer before, to go on from there" });

/** Named one by one, or all that a list with these filters shows. */
const selectionOf = <Shape extends z.core.$ZodLooseShape>(more: Shape) =>
  z.union(
    [
      z.strictObject({ ids, dryRun, ...more }),
      z.strictObject({ where: deliveryFilterBody, cursor, dryRun, ...more }),
    ],
    "must have either ids or where",
  );

const retryBody = selectionOf({ includeUnknown }).openapi({
  example: { where: { campaign: "cmp_01jd3v8qyee7fr8xmcsnh5hbcd", reason: ["provider_rejected"] } },
});

const cancelBody = selectionOf({}).openapi({
  example: { where: { queue: "mailbox/0", createdBefore: "2027-03-01T09:00:00Z" } },
});

const sendBody = selectionOf({}).openapi({
  example: { where: { recipient: "customer-17", reason: ["quiet_hours", "digest"] } },
});

const priority = z.enum(priorities).openapi({ example: "high" });

const reprioritiseBody = selectionOf({ priority }).openapi({
  example: { where: { type: "task.deadline", priority: ["low"] }, priority: "high" },
});

const retrySkips = ["notFound", "notFailed", "campaignCancelled", "recipientErased"] as const;
const cancelSkips = ["notFound", "notPending", "sending"] as const;
const sendSkips = [...cancelSkips, "campaignNotRunning"] as const;
const reprioritiseSkips = [...cancelSkips, "ofCampaign", "samePriority"] as const;

const progressOf = <const Reasons extends readonly SkipReason[]>(reasons: Reasons) =>
  z.object({
    matched: z.number().int().optional().openapi({
      description: "Of a dry run: how many are in a status to be changed",
      example: 17,
    }),
    changed: z.number().int().openapi({ example: 17 }),
    skipped: z
      .object(
        Object.fromEntries(
          reasons.map((reason) => [reason, z.number().int().openapi({ example: 0 })]),
        ) as Record<Reasons[number], z.ZodNumber>,
      )
      .openapi({ description: "What matched and was left as it is, by why" }),
    nextCursor: z.string().nullable().openapi({
      description:
        "Time was up before all were seen to: repeat the request with this as its cursor. Null where all were.",
      example: null,
    }),
  });

const retryOne = defineRoute({
  method: "post",
  path: "/v1/deliveries/{id}/retry",
  access: "sender",
  summary: "Try a failed delivery again, at once. A completed campaign runs again for it.",
  request: {
    params: idParams("delivery"),
    headers: idempotencyHeaders,
    body: {
      required: false,
      content: { "application/json": { schema: z.strictObject({ includeUnknown }) } },
    },
  },
  responses: responses(200, "The delivery afterwards", deliveryAnswer),
});

const cancelOne = defineRoute({
  method: "post",
  path: "/v1/deliveries/{id}/cancel",
  access: "sender",
  summary: "Cancel a delivery that waits. What is being handed over is still sent.",
  request: { params: idParams("delivery"), headers: idempotencyHeaders },
  responses: responses(200, "The delivery afterwards", deliveryAnswer),
});

const retryMany = defineRoute({
  method: "post",
  path: "/v1/deliveries/retry",
  access: "sender",
  summary: "Try failed deliveries again: some, or all that match",
  request: { body: jsonContent(retryBody) },
  responses: responses(200, "What was done", progressOf(retrySkips).openapi("RetryProgress")),
});

const cancelMany = defineRoute({
  method: "post",
  path: "/v1/deliveries/cancel",
  access: "sender",
  summary: "Cancel deliveries that wait: some, or all that match",
  request: { body: jsonContent(cancelBody) },
  responses: responses(200, "What was done", progressOf(cancelSkips).openapi("CancelProgress")),
});

const sendOne = defineRoute({
  method: "post",
  path: "/v1/deliveries/{id}/send",
  access: "sender",
  summary: "Send a delivery that waits, now and by itself",
  description:
    "Whatever it waits for: its time, quiet hours, a digest, a batch, a limit, another try. It is still not sent to who was erased, is suppressed, or has switched it off, nor when it has expired.",
  request: { params: idParams("delivery"), headers: idempotencyHeaders },
  responses: responses(200, "The delivery afterwards", deliveryAnswer),
});

const reprioritiseOne = defineRoute({
  method: "post",
  path: "/v1/deliveries/{id}/reprioritise",
  access: "sender",
  summary: "Give a delivery that waits another priority",
  description:
    "What policy holds is decided again with it, now; what waits for its time goes on waiting. The priority of its notification stays; that of a campaign’s delivery is the campaign’s own.",
  request: {
    params: idParams("delivery"),
    headers: idempotencyHeaders,
    body: jsonContent(z.strictObject({ priority })),
  },
  responses: responses(200, "The delivery afterwards", deliveryAnswer),
});

const sendMany = defineRoute({
  method: "post",
  path: "/v1/deliveries/send",
  access: "sender",
  summary: "Send deliveries that wait, now: some, or all that match",
  request: { body: jsonContent(sendBody) },
  responses: responses(200, "What was done", progressOf(sendSkips).openapi("SendProgress")),
});

const reprioritiseMany = defineRoute({
  method: "post",
  path: "/v1/deliveries/reprioritise",
  access: "sender",
  summary: "Give deliveries that wait another priority: some, or all that match",
  request: { body: jsonContent(reprioritiseBody) },
  responses: responses(
    200,
    "What was done",
    progressOf(reprioritiseSkips).openapi("ReprioritiseProgress"),
  ),
});

/** A dry run may count every delivery: so many at once, that connections are left for what is to be accepted. */
const dryRunsAtOnce = 2;

/** What is done to deliveries by hand. */
export function deliveryChangeRoutes(services: Services) {
  const { pool, wakes, config } = services;
  const inTurn = createTurns(dryRunsAtOnce);

  const one = (c: Context<ApiEnv>, reference: string, change: DeliveryChange) =>
    commitOnce(c, services, 200, async (tx) => {
      const id = idInPath("delivery", reference);
      const run = runOf(tx);
      const before = await readDelivery(run, id);
      if (!before) absent("delivery");
      const { changed, skipped } = await changeRows(run, change, [id], config);
      const body = deliveryJson((await readDelivery(run, id))!);
      if (skipped.samePriority) return { body, changes: [] };
      if (changed.length === 0)
        throw new Problem("conflict", whySkipped(skipped, change, body.status));
      return {
        body,
        changes: [
          changeOf(
            `delivery.${change.action}`,
            body.id,
            audited(deliveryJson(before)),
            audited(body),
          ),
        ],
        committed: () => wakeFor(changed, wakes, c.get("requestId")),
      };
    });

  /** Null: nothing can match. */
  async function selected(
    body: { ids: string[] } | { where: DeliveryFilters; cursor?: string | undefined },
  ): Promise<{ selection: Selection; shown: Record<string, unknown> } | null> {
    if ("ids" in body) {
      const uuids = [...new Set(body.ids.map((id) => parsePublicId("delivery", id)!))];
      return { selection: { ids: uuids }, shown: { ids: uuids.length } };
    }
    const where = await findNamed(pool, body.where);
    const after = body.cursor === undefined ? null : parsePublicId("delivery", body.cursor);
    return where && { selection: { where, after }, shown: { where: shownFilters(where) } };
  }

  async function many<Reason extends SkipReason>(
    c: Context<ApiEnv>,
    change: DeliveryChange,
    body: ({ ids: string[] } | { where: DeliveryFilters; cursor?: string | undefined }) & {
      dryRun: boolean;
    },
    reasons: readonly Reason[],
  ) {
    const skippedOf = (skipped: Skipped) =>
      Object.fromEntries(reasons.map((reason) => [reason, skipped[reason] ?? 0])) as Record<
        Reason,
        number
      >;
    const found = await selected(body);
    if (body.dryRun || !found) {
      const matched = found ? await inTurn(() => countMatching(pool, change, found.selection)) : 0;
      const nothing = { changed: 0, skipped: skippedOf({}), nextCursor: null };
      return body.dryRun ? { matched, ...nothing } : nothing;
    }
    const { selection, shown } = found;
    const { changed, skipped, goOnAfter } = await changeDeliveries(c, services, change, selection, {
      ...shown,
      ...detailsOf(change),
    });
    const nextCursor = goOnAfter && publicId("delivery", goOnAfter);
    return { changed, skipped: skippedOf(skipped), nextCursor };
  }

  return createRouter()
    .openapi(retryMany, async (c) => {
      const { includeUnknown: unknownToo, ...body } = c.req.valid("json");
      const change = { action: "retry", includeUnknown: unknownToo } as const;
      return c.json(await many(c, change, body, retrySkips), 200);
    })
    .openapi(cancelMany, async (c) =>
      c.json(await many(c, { action: "cancel" }, c.req.valid("json"), cancelSkips), 200),
    )
    .openapi(sendMany, async (c) =>
      c.json(await many(c, { action: "send" }, c.req.valid("json"), sendSkips), 200),
    )
    .openapi(reprioritiseMany, async (c) => {
      const { priority: to, ...body } = c.req.valid("json");
      const change = { action: "reprioritise", priority: to } as const;
      return c.json(await many(c, change, body, reprioritiseSkips), 200);
    })
    .openapi(retryOne, (c) =>
      one(c, c.req.valid("param").id, {
        action: "retry",
        // Without a body there is nothing that has been checked.
        includeUnknown: c.req.valid("json").includeUnknown ?? false,
      }),
    )
    .openapi(cancelOne, (c) => one(c, c.req.valid("param").id, { action: "cancel" }))
    .openapi(sendOne, (c) => one(c, c.req.valid("param").id, { action: "send" }))
    .openapi(reprioritiseOne, (c) =>
      one(c, c.req.valid("param").id, { action: "reprioritise", ...c.req.valid("json") }),
    );
}

/** What of a change stands in the trail beside its name. */
function detailsOf(change: DeliveryChange): Record<string, unknown> {
  if (change.action === "retry") return { includeUnknown: change.includeUnknown };
  return change.action === "reprioritise" ? { priority: change.priority } : {};
}

/** As they were given, but for a recipient's own name, which may be an address. */
function shownFilters({
  campaign,
  notification,
  recipient,
  type,
  group,
  ...rest
}: DeliveryFilters) {
  return {
    ...rest,
    ...(campaign && { campaign: publicId("campaign", campaign) }),
    ...(notification && { notification: publicId("notification", notification) }),
    ...(recipient && { recipient: publicId("recipient", recipient) }),
    ...(type && { type: publicId("notificationType", type) }),
    ...(group && { group: publicId("group", group) }),
  };
}

/** Without what the provider said, which may name an address: the trail outlives the delivery. */
const audited = ({ detail: _said, ...facts }: ReturnType<typeof deliveryJson>) => facts;

function whySkipped(skipped: Skipped, change: DeliveryChange, status: string): string {
  if (skipped.campaignCancelled)
    return "Its campaign was cancelled or recalled: nothing more of it is sent.";
  if (skipped.recipientErased) return "Its recipient was erased.";
  if (skipped.campaignNotRunning)
    return "Its campaign does not run: start or resume that, and it is sent.";
  if (skipped.ofCampaign)
    return "It has the priority of its campaign: change that with PATCH /v1/campaigns/{id}.";
  if (skipped.sending)
    return "It is being handed over, or decided about at this moment: look again in a while.";
  switch (change.action) {
    case "cancel":
      return `It is ${status}: only what is pending can be cancelled.`;
    case "send":
    case "reprioritise":
      return `It is ${status}: only what is pending can be ${change.action === "send" ? "sent at once" : "given another priority"}.`;
    case "retry":
      return status === "unknown"
        ? "Nobody knows whether it arrived. Send { includeUnknown: true } to try it again nevertheless."
        : `It is ${status}: only what failed can be tried again.`;
  }
}
