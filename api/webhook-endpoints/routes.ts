import { z } from "@hono/zod-openapi";
import { newUuid, publicId } from "../../domain/ids.ts";
import { maxEndpoints } from "../../domain/webhook-endpoint.ts";
import { executeIn, executeOn } from "../../ledger/sql.ts";
import { deleteQueued } from "../../ledger/webhook-endpoints.ts";
import { createOutboundClient } from "../../lib/outbound/client.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { changeOf } from "../http/audit.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { filterBy, readPage } from "../http/page-reading.ts";
import { byCreation, pageOf, pageQuery } from "../http/pages.ts";
import { idParams, readPathId, throwNotFound } from "../http/path-ids.ts";
import { invalid, Problem } from "../http/problem.ts";
import {
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import type { Services } from "../services.ts";
import { newSecret, sealSecret } from "./secrets.ts";
import {
  endpointFields,
  endpointJson,
  endpointsJson,
  endpointWithSecret,
  factsOf,
  lockEndpoint,
  webhookEndpoint,
} from "./store.ts";

const { url, description, kinds, types, campaign } = endpointFields;

const newEndpoint = z.strictObject({
  url,
  description,
  kinds,
  types: types.default([]),
  campaign: campaign.default(null),
});

const change = z
  .strictObject({
    url,
    description,
    kinds,
    types,
    campaign,
    enabled: z.boolean().openapi({
      description:
        "`false` stops sending, and no further events are kept for it. `true` begins again, and forgets that it has failed",
    }),
  })
  .partial();

const params = idParams("webhookEndpoint");

const create = defineRoute({
  method: "post",
  path: "/v1/webhook-endpoints",
  access: "admin",
  needsProof: true,
  summary:
    "Create a webhook endpoint, to which events are POSTed. Its secret is returned only once.",
  description: `It gets events that occur from now on; \`replay\` sends earlier ones. There are at most ${maxEndpoints} endpoints.`,
  request: { body: jsonContent(newEndpoint) },
  responses: responses(201, "The endpoint with its secret", endpointWithSecret),
});

const list = defineRoute({
  method: "get",
  path: "/v1/webhook-endpoints",
  access: "admin",
  summary: "List webhook endpoints, newest first",
  request: { query: z.object(pageQuery(byCreation)) },
  responses: responses(200, "A page of endpoints", pageOf(webhookEndpoint)),
});

const get = defineRoute({
  method: "get",
  path: "/v1/webhook-endpoints/{id}",
  access: "admin",
  summary: "Get a webhook endpoint",
  request: { params },
  responses: responses(200, "The endpoint", webhookEndpoint),
});

const patch = defineRoute({
  method: "patch",
  path: "/v1/webhook-endpoints/{id}",
  access: "admin",
  needsProof: true,
  summary: "Change a webhook endpoint, or switch it on or off",
  request: { params, body: jsonContent(change) },
  responses: responses(200, "The endpoint", webhookEndpoint),
});

const remove = defineRoute({
  method: "delete",
  path: "/v1/webhook-endpoints/{id}",
  access: "admin",
  needsProof: true,
  summary:
    "Delete a webhook endpoint, with the events that wait for it and the log of its requests",
  request: { params },
  responses: { 204: { description: "The endpoint was deleted" }, ...problemResponse },
});

/** The routes of webhook endpoints themselves. */
export function webhookEndpointRoutes(services: Services) {
  const { prisma, pool, clock, sealer, config } = services;
  const outbound = createOutboundClient({ rules: config.outbound });

  const refuse = (field: string, message: string) =>
    invalid([{ in: "body", field: `/${field}`, message }]);

  /** Throws the problem of a URL to which nothing may be sent. It is checked at every request too. */
  async function checkUrl(wanted: string | undefined): Promise<void> {
    if (wanted === undefined) return;
    const examined = await outbound.examine(wanted);
    if (examined.kind !== "allowed") throw refuse("url", `cannot be used: ${examined.detail}`);
  }

  /** Throws the problem of a filter that names something that does not exist, which would match nothing. */
  async function checkFilters(
    tx: Prisma.TransactionClient,
    wanted: { types?: string[] | undefined; campaign?: string | null | undefined },
  ): Promise<void> {
    const keys = wanted.types ?? [];
    const found = await tx.notificationType.findMany({
      where: { key: { in: keys } },
      select: { key: true },
    });
    const unknown = keys.find((key) => !found.some((row) => row.key === key));
    if (unknown !== undefined) throw refuse("types", `names the unknown type ${unknown}`);
    if (
      wanted.campaign != null &&
      !(await tx.campaign.findUnique({ where: { id: wanted.campaign }, select: { id: true } }))
    )
      throw refuse("campaign", "is not the id of a campaign");
  }

  return createRouter()
    .openapi(create, async (c) => {
      const wanted = c.req.valid("json");
      await checkUrl(wanted.url);
      const now = clock();
      const id = newUuid(now);
      const secret = newSecret();
      // It is sealed before the transaction begins, because sealing may need a connection of its own.
      const sealed = await sealSecret(sealer, id, secret);
      const body = await withAuditedTransaction(c, services, async (tx) => {
        await checkFilters(tx, wanted);
        await tx.$executeRaw`LOCK TABLE webhook_endpoints IN SHARE ROW EXCLUSIVE MODE`;
        if ((await tx.webhookEndpoint.count()) >= maxEndpoints)
          throw new Problem(
            "conflict",
            `There are ${maxEndpoints} webhook endpoints already. Delete one that is not needed any more.`,
          );
        const { campaign: campaignId, ...fields } = wanted;
        const row = await tx.webhookEndpoint.create({
          data: {
            ...fields,
            id,
            campaignId,
            secret: sealed,
            createdBy: c.get("caller").id,
            createdAt: now,
          },
        });
        const created = await endpointJson(executeIn(tx), row, now);
        const after = factsOf(created);
        return {
          body: created,
          changes: [{ action: "webhook_endpoint.create", resource: created.id, after }],
        };
      });
      return c.json({ ...body, secret }, 201);
    })
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const page = await readPage(
        query,
        byCreation,
        (selection) => prisma.webhookEndpoint.findMany(filterBy(selection)),
        (row) => row,
      );
      const items = await endpointsJson(executeOn(pool), page.items, clock());
      return c.json({ ...page, items }, 200);
    })
    .openapi(get, async (c) => {
      const id = readPathId("webhookEndpoint", c.req.valid("param").id);
      const row = await prisma.webhookEndpoint.findUnique({ where: { id } });
      if (!row) throwNotFound("webhookEndpoint");
      return c.json(await endpointJson(executeOn(pool), row, clock()), 200);
    })
    .openapi(patch, async (c) => {
      const id = readPathId("webhookEndpoint", c.req.valid("param").id);
      const wanted = c.req.valid("json");
      await checkUrl(wanted.url);
      const body = await withAuditedTransaction(c, services, async (tx) => {
        await checkFilters(tx, wanted);
        const before = await lockEndpoint(tx, id);
        const now = clock();
        const { enabled = before.isEnabled, campaign: campaignId = before.campaignId } = wanted;
        const isSwitched = enabled !== before.isEnabled;
        const after = await tx.webhookEndpoint.update({
          where: { id },
          data: {
            url: wanted.url ?? before.url,
            description: wanted.description ?? before.description,
            kinds: wanted.kinds ?? before.kinds,
            types: wanted.types ?? before.types,
            campaignId,
            isEnabled: enabled,
            ...(isSwitched && { disabledReason: null }),
            // Another URL may work at once.
            ...((isSwitched || wanted.url !== undefined) && {
              retryAt: null,
              failingSince: null,
              failureCount: 0,
            }),
          },
        });
        const [was, is] = await endpointsJson(executeIn(tx), [before, after], now);
        const entry = changeOf("webhook_endpoint.update", is!.id, factsOf(was!), factsOf(is!));
        return { body: is!, changes: Object.keys(entry.after!).length > 0 ? [entry] : [] };
      });
      return c.json(body, 200);
    })
    .openapi(remove, async (c) => {
      const id = readPathId("webhookEndpoint", c.req.valid("param").id);
      await withAuditedTransaction(c, services, async (tx) => {
        const row = await lockEndpoint(tx, id);
        const before = factsOf(await endpointJson(executeIn(tx), row, clock()));
        await tx.webhookEndpoint.delete({ where: { id } });
        await deleteQueued(executeIn(tx), id);
        const resource = publicId("webhookEndpoint", id);
        return {
          body: null,
          changes: [{ action: "webhook_endpoint.delete", resource, before }],
        };
      });
      return c.body(null, 204);
    });
}
