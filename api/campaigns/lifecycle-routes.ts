import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { applyAction, type CampaignAction, throttle } from "../../domain/campaign.ts";
import { audience } from "../../domain/audience.ts";
import { instant } from "../../domain/time/instant.ts";
import { changeOf } from "../http/audit.ts";
import {
  campaignAnswer,
  changedCampaignAnswer,
  lockCampaign,
  setThrottle,
  updateCampaign,
} from "./store.ts";
import type { ApiEnv } from "../http/context.ts";
import { setEtag } from "../http/etag.ts";
import {
  withAuditedTransaction,
  withIdempotentTransaction,
  idempotencyHeaders,
} from "../http/idempotency.ts";
import { Problem } from "../http/problem.ts";
import { readPathId, idParams } from "../http/path-ids.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { requireProofForMany } from "./many.ts";
import { waitForWorkers } from "./stop-barrier.ts";
import type { Prisma } from "../../prisma/generated/client.ts";

const resume = defineRoute({
  method: "post",
  path: "/v1/campaigns/{id}/resume",
  access: "sender",
  summary: "Resume a campaign",
  request: { params: idParams("campaign"), headers: idempotencyHeaders },
  responses: responses(200, "The campaign after the change", campaignAnswer),
});

const defineStop = <Action extends CampaignAction>(action: Action, summary: string) =>
  defineRoute({
    method: "post",
    path: `/v1/campaigns/{id}/${action}`,
    access: "sender",
    summary,
    description:
      "The answer comes about half a second after the change is committed. From then on no worker begins to hand over a message that the change stops.",
    request: { params: idParams("campaign"), headers: idempotencyHeaders },
    responses: responses(200, "The campaign after the change", changedCampaignAnswer),
  });

const withoutTestSend = z.boolean().optional().openapi({
  description:
    "Whether no test of the message was sent since it was last edited. It only adds this to the entry of the audit trail",
  example: true,
});

const start = defineRoute({
  method: "post",
  path: "/v1/campaigns/{id}/start",
  access: "sender",
  summary: "Start a campaign now",
  request: {
    params: idParams("campaign"),
    headers: idempotencyHeaders,
    body: { ...jsonContent(z.strictObject({ withoutTestSend })), required: false },
  },
  responses: responses(200, "The campaign after the change", campaignAnswer),
});

const schedule = defineRoute({
  method: "post",
  path: "/v1/campaigns/{id}/schedule",
  access: "sender",
  summary: "Schedule a draft. A time in the past means at once.",
  request: {
    params: idParams("campaign"),
    headers: idempotencyHeaders,
    body: jsonContent(z.strictObject({ startAt: instant, withoutTestSend })),
  },
  responses: responses(200, "The campaign after the change", campaignAnswer),
});

const reschedule = defineRoute({
  method: "post",
  path: "/v1/campaigns/{id}/reschedule",
  access: "sender",
  summary: "Reschedule a campaign that has not begun",
  request: {
    params: idParams("campaign"),
    headers: idempotencyHeaders,
    body: jsonContent(z.strictObject({ startAt: instant })),
  },
  responses: responses(200, "The campaign after the change", campaignAnswer),
});

const putThrottle = defineRoute({
  method: "put",
  path: "/v1/campaigns/{id}/throttle",
  access: "sender",
  summary:
    "Set the limit of messages per second, or remove it with null. Workers apply it within about a second.",
  request: {
    params: idParams("campaign"),
    body: jsonContent(throttle.nullable().openapi({ example: { perSecond: 50, burst: 50 } })),
  },
  responses: responses(200, "The campaign after the change", campaignAnswer),
});

interface ActionRequest {
  action: CampaignAction;
  startAt?: Date;
  withoutTestSend?: boolean | undefined;
}

/** The routes that change the state of a campaign. Each commits the change first, and then wakes the campaign’s workflow. */
export function campaignActionRoutes(services: Services) {
  const { clock, pool, wakes } = services;

  const applyWithin =
    (c: Context<ApiEnv>, reference: string, request: ActionRequest) =>
    async (tx: Prisma.TransactionClient) => {
      const id = readPathId("campaign", reference);
      const before = await lockCampaign(tx, id);
      const transition = applyAction(before.row, request, clock());
      if (transition.kind === "refused") {
        throw new Problem("conflict", `The campaign cannot do that: ${transition.why}.`);
      }
      if (request.action === "start" || request.action === "schedule")
        await requireProofForMany(c, services, tx, audience.parse(before.row.audience));
      const { status, startAt, finishedAt } = transition.state;
      const after = await updateCampaign(tx, id, { status, startAt, finishedAt }, clock());
      return {
        body: after.json,
        changes: [
          changeOf(`campaign.${request.action}`, reference, before.json, {
            ...after.json,
            ...(request.withoutTestSend && { withoutTestSend: true }),
          }),
        ],
        committed: () => {
          setEtag(c, after.row.version);
          wakes.campaign(reference, { requestId: c.get("requestId") });
        },
      };
    };

  const change = (c: Context<ApiEnv>, reference: string, request: ActionRequest) =>
    withIdempotentTransaction(c, services, 200, applyWithin(c, reference, request));

  /**
   * Stops a campaign, and answers once all workers obey. A stored answer to a repeated request waits as well, because the caller may
   * not have received the first one.
   */
  const stop = (c: Context<ApiEnv>, reference: string, action: "pause" | "cancel") =>
    withIdempotentTransaction(
      c,
      services,
      200,
      async (tx) => {
        const { body, ...rest } = await applyWithin(c, reference, { action })(tx);
        return { body: { ...body, inFlight: 0 }, ...rest };
      },
      () => waitForWorkers(pool, readPathId("campaign", reference)),
    );

  return createRouter()
    .openapi(start, (c) =>
      change(c, c.req.valid("param").id, { action: "start", ...c.req.valid("json") }),
    )
    .openapi(
      defineStop("pause", "Pause a campaign. Messages that are being handed over are still sent."),
      (c) => stop(c, c.req.valid("param").id, "pause"),
    )
    .openapi(resume, (c) => change(c, c.req.valid("param").id, { action: "resume" }))
    .openapi(
      defineStop(
        "cancel",
        "Cancel a campaign permanently. Messages that are being handed over are still sent.",
      ),
      (c) => stop(c, c.req.valid("param").id, "cancel"),
    )
    .openapi(schedule, (c) =>
      change(c, c.req.valid("param").id, { action: "schedule", ...c.req.valid("json") }),
    )
    .openapi(reschedule, (c) =>
      change(c, c.req.valid("param").id, { action: "reschedule", ...c.req.valid("json") }),
    )
    .openapi(putThrottle, async (c) => {
      const reference = c.req.valid("param").id;
      const wanted = c.req.valid("json");
      const id = readPathId("campaign", reference);
      const { json, row } = await withAuditedTransaction(c, services, async (tx) => {
        const before = await lockCampaign(tx, id);
        const { status } = before.row;
        if (status === "completed" || status === "cancelled")
          throw new Problem(
            "conflict",
            `The campaign is ${status}, so its throttle has no effect any more.`,
          );
        await setThrottle(tx, reference, wanted);
        const after = await updateCampaign(tx, id, {}, clock());
        return {
          body: after,
          changes: [changeOf("campaign.set_throttle", reference, before.json, after.json)],
          committed: () => wakes.campaign(reference, { requestId: c.get("requestId") }),
        };
      });
      setEtag(c, row.version);
      return c.json(json, 200);
    });
}
