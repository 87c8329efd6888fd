import { z } from "@hono/zod-openapi";
import { publicIdPattern } from "../../domain/ids.ts";
import { templateVersionNumber } from "../../domain/notification.ts";
import { priorities } from "../../domain/priority.ts";
import { idempotencyHeaders } from "../http/idempotency.ts";
import { exampleIdOf, idParams } from "../http/path-ids.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { changeOne, createBulkChange } from "./change-requests.ts";
import type { DeliveryChange, SkipReason } from "../../ledger/operator-changes.ts";
import { deliveryFilterBody } from "./filters.ts";
import { deliveryAnswer } from "./store.ts";

const maxIds = 1_000;

const includeUnknown = z.boolean().default(false).openapi({
  description:
    "Also retry deliveries whose outcome is unknown. They may have arrived, so recipients may get duplicates",
});

const templateVersion = templateVersionNumber.optional().meta({
  description:
    "The version of the delivery’s template to send from now on. Defaults to its current version",
  example: 4,
});

const ids = z
  .array(z.string().regex(publicIdPattern("delivery"), "must be the id of a delivery"))
  .min(1, "must name at least one delivery")
  .max(maxIds, `must name at most ${maxIds} deliveries: use where to select more`)
  .openapi({ example: [exampleIdOf("delivery")] });

const dryRun = z
  .boolean()
  .default(false)
  .openapi({ description: "Only count the matching deliveries, and change nothing" });

const cursor = z
  .string()
  .regex(publicIdPattern("delivery"), "must be the nextCursor of the previous answer")
  .optional()
  .openapi({ description: "`nextCursor` of the previous answer, to continue from there" });

/** The body of a change of several deliveries, which names them by id or selects them with filters. */
const selectionOf = <Shape extends z.core.$ZodLooseShape>(more: Shape) =>
  z.union(
    [
      z.strictObject({ ids, dryRun, ...more }),
      z.strictObject({ where: deliveryFilterBody, cursor, dryRun, ...more }),
    ],
    "must have either ids or where",
  );

const priority = z.enum(priorities).openapi({ example: "high" });

const progressOf = <const Reasons extends readonly SkipReason[]>(reasons: Reasons) =>
  z.object({
    matched: z.number().int().optional().openapi({
      description: "For a dry run: how many deliveries have a status that can be changed",
      example: 17,
    }),
    changed: z.number().int().openapi({ description: "Deliveries that were changed", example: 17 }),
    skipped: z
      .object(
        Object.fromEntries(
          reasons.map((reason) => [reason, z.number().int().openapi({ example: 0 })]),
        ) as Record<Reasons[number], z.ZodNumber>,
      )
      .openapi({ description: "Matching deliveries that were not changed, by reason" }),
    nextCursor: z.string().nullable().openapi({
      description:
        "Set if time ran out before all deliveries were processed: repeat the request with this cursor. Null if all were processed",
      example: null,
    }),
  });

/**
 * Defines the two routes of a change: for one delivery, and for several.
 * @param skips the reasons for which the second route leaves deliveries unchanged
 */
const defineChange = <
  const Action extends DeliveryChange["action"],
  Body extends object,
  Fields extends z.core.$ZodLooseShape,
  const Skips extends readonly SkipReason[],
>(
  action: Action,
  { one, many, description }: { one: string; many: string; description?: string },
  { body, fields, example }: { body: Body; fields: Fields; example: unknown },
  skips: Skips,
) => ({
  one: defineRoute({
    method: "post",
    path: `/v1/deliveries/{id}/${action}`,
    access: "sender",
    summary: one,
    ...(description !== undefined && { description }),
    request: { params: idParams("delivery"), headers: idempotencyHeaders, ...body },
    responses: responses(200, "The delivery after the change", deliveryAnswer),
  }),
  many: defineRoute({
    method: "post",
    path: `/v1/deliveries/${action}`,
    access: "sender",
    summary: many,
    request: { body: jsonContent(selectionOf(fields).openapi({ example })) },
    responses: responses(
      200,
      "What was changed",
      progressOf(skips).openapi(`${action.charAt(0).toUpperCase()}${action.slice(1)}Progress`),
    ),
  }),
  skips,
});

const pendingSkips = ["notFound", "notPending", "sending"] as const;

const routes = {
  retry: defineChange(
    "retry",
    {
      one: "Retry a failed delivery at once. A completed campaign runs again for it.",
      many: "Retry failed deliveries: those named by id, or all that match the filters",
    },
    {
      body: {
        body: {
          required: false,
          content: {
            "application/json": { schema: z.strictObject({ includeUnknown, templateVersion }) },
          },
        },
      },
      fields: { includeUnknown, templateVersion },
      example: {
        where: { campaign: "cmp_01jd3v8qyee7fr8xmcsnh5hbcd", reason: ["template_error"] },
        templateVersion: 4,
      },
    },
    ["notFound", "notFailed", "noSuchVersion", "campaignCancelled", "recipientErased"],
  ),
  cancel: defineChange(
    "cancel",
    {
      one: "Cancel a waiting delivery. A message that is being handed over is still sent.",
      many: "Cancel waiting deliveries: those named by id, or all that match the filters",
    },
    {
      body: {},
      fields: {},
      example: { where: { queue: "mailbox/0", createdBefore: "2027-03-01T09:00:00Z" } },
    },
    pendingSkips,
  ),
  send: defineChange(
    "send",
    {
      one: "Send a waiting delivery now, by itself",
      many: "Send waiting deliveries now: those named by id, or all that match the filters",
      description:
        "Overrides everything that the delivery waits for: its time, quiet hours, a digest, a batch, a limit, a retry. It is still not sent if the recipient was erased, the address is suppressed, the recipient has switched the type or channel off, or the message has expired.",
    },
    {
      body: {},
      fields: {},
      example: { where: { recipient: "customer-17", reason: ["quiet_hours", "digest"] } },
    },
    [...pendingSkips, "campaignNotRunning"],
  ),
  reprioritise: defineChange(
    "reprioritise",
    {
      one: "Change the priority of a waiting delivery",
      many: "Change the priority of waiting deliveries: those named by id, or all that match the filters",
      description:
        "Deliveries that the policy holds are decided again now with the new priority; those that wait for their time keep waiting. The priority of the notification does not change. A delivery of a campaign has the campaign’s priority, which cannot be changed here.",
    },
    {
      body: { body: jsonContent(z.strictObject({ priority })) },
      fields: { priority },
      example: { where: { type: "task.deadline", priority: ["low"] }, priority: "high" },
    },
    [...pendingSkips, "ofCampaign", "samePriority"],
  ),
};

/** The routes with which callers change deliveries. */
export function deliveryChangeRoutes(services: Services) {
  const changeMany = createBulkChange(services);

  return createRouter()
    .openapi(routes.retry.many, async (c) => {
      const {
        includeUnknown: includesUnknown,
        templateVersion: version = null,
        ...body
      } = c.req.valid("json");
      const change = {
        action: "retry",
        includeUnknown: includesUnknown,
        templateVersion: version,
      } as const;
      return c.json(await changeMany(c, change, body, routes.retry.skips), 200);
    })
    .openapi(routes.cancel.many, async (c) =>
      c.json(
        await changeMany(c, { action: "cancel" }, c.req.valid("json"), routes.cancel.skips),
        200,
      ),
    )
    .openapi(routes.send.many, async (c) =>
      c.json(await changeMany(c, { action: "send" }, c.req.valid("json"), routes.send.skips), 200),
    )
    .openapi(routes.reprioritise.many, async (c) => {
      const { priority: to, ...body } = c.req.valid("json");
      const change = { action: "reprioritise", priority: to } as const;
      return c.json(await changeMany(c, change, body, routes.reprioritise.skips), 200);
    })
    .openapi(routes.retry.one, (c) =>
      changeOne(c, services, c.req.valid("param").id, {
        action: "retry",
        // A request without a body has not been validated.
        includeUnknown: c.req.valid("json").includeUnknown ?? false,
        templateVersion: c.req.valid("json").templateVersion ?? null,
      }),
    )
    .openapi(routes.cancel.one, (c) =>
      changeOne(c, services, c.req.valid("param").id, { action: "cancel" }),
    )
    .openapi(routes.send.one, (c) =>
      changeOne(c, services, c.req.valid("param").id, { action: "send" }),
    )
    .openapi(routes.reprioritise.one, (c) =>
      changeOne(c, services, c.req.valid("param").id, {
        action: "reprioritise",
        ...c.req.valid("json"),
      }),
    );
}
