import { z } from "@hono/zod-openapi";
import { gateLimits, limitedKinds } from "../../domain/delivery/gates.ts";
import { changeOf } from "../http/audit.ts";
import { removeLimits, setGate } from "../../ledger/gates.ts";
import { restoreLimits } from "../../ledger/providers.ts";
import { executeIn } from "../../ledger/sql.ts";
import {
  gateAnswer,
  gateJson,
  gateKeyOf,
  gateParams,
  lockGate,
  shownGates,
  shownKinds,
} from "./gates.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { notFound } from "../http/problem.ts";
import {
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import type { Services } from "../services.ts";

const list = defineRoute({
  method: "get",
  path: "/v1/gates",
  access: "viewer",
  class: "operations",
  summary: "List the rate limits of channels and providers, which all workers share",
  description:
    "The limits of campaigns are not listed here. A campaign shows its limit as `throttle`.",
  responses: responses(200, "All rate limits", z.object({ items: z.array(gateAnswer) })),
});

const get = defineRoute({
  method: "get",
  path: "/v1/gates/{kind}/{name}",
  access: "viewer",
  class: "operations",
  summary: "Get a rate limit",
  request: { params: gateParams },
  responses: responses(200, "The rate limit", gateAnswer),
});

const put = defineRoute({
  method: "put",
  path: "/v1/gates/{kind}/{name}",
  access: "admin",
  needsProof: true,
  summary: "Set the rate limit of a channel or provider. Workers apply it within about a second.",
  description:
    "No more messages than the rate plus its `burst` leave within any second; quotas count clock hours and days in UTC. Messages above a limit wait, without using up attempts; above " +
    "a provider's limit they use another provider, if there is one. Messages that were already sent in this hour and on this day count towards a new quota. Limits that are set here " +
    "take precedence over those in the configuration of the workers, until they are removed.",
  request: {
    params: gateParams,
    body: jsonContent(
      gateLimits.meta({
        example: { permitsPerSecond: 14, burst: 5, hourlyQuota: 5_000, dailyQuota: 50_000 },
      }),
    ),
  },
  responses: responses(200, "The rate limit after the change", gateAnswer),
});

const remove = defineRoute({
  method: "delete",
  path: "/v1/gates/{kind}/{name}",
  access: "admin",
  needsProof: true,
  summary: "Remove a rate limit. A provider that asked for a pause is used again.",
  description:
    "If the configuration of the workers has limits for the provider, these apply again, and what was used of its quotas still counts. The stop of an operator stays.",
  request: { params: gateParams },
  responses: { 204: { description: "The rate limit was removed" }, ...problemResponse },
});

export function gateRoutes(services: Services) {
  const { prisma, clock } = services;

  return createRouter()
    .openapi(list, async (c) => {
      const gates = await prisma.gate.findMany({ where: shownGates, orderBy: { key: "asc" } });
      return c.json({ items: gates.map((gate) => gateJson(gate, clock())) }, 200);
    })
    .openapi(get, async (c) => {
      const gate = await prisma.gate.findUnique({
        where: { key: gateKeyOf(c.req.valid("param"), shownKinds) },
      });
      if (!gate) throw notFound("rate limit", "name");
      return c.json(gateJson(gate, clock()), 200);
    })
    .openapi(put, async (c) => {
      const param = c.req.valid("param");
      const key = gateKeyOf(param, limitedKinds);
      const limits = c.req.valid("json");
      const json = await withAuditedTransaction(c, services, async (tx) => {
        // A gate with a misspelt name would limit nothing.
        if (
          param.kind === "provider" &&
          !(await tx.breaker.findUnique({ where: { provider: param.name } }))
        )
          throw notFound("provider", "name");
        const before = await lockGate(tx, key, clock());
        await executeIn(tx)(setGate, { key, ...limits });
        const after = gateJson(await tx.gate.findUniqueOrThrow({ where: { key } }), clock());
        return { body: after, changes: [changeOf("gate.set", key, before ?? {}, after)] };
      });
      return c.json(json, 200);
    })
    .openapi(remove, async (c) => {
      const param = c.req.valid("param");
      const key = gateKeyOf(param, limitedKinds);
      await withAuditedTransaction(c, services, async (tx) => {
        const before = await lockGate(tx, key, clock());
        if (!before) throw notFound("rate limit", "name");
        const execute = executeIn(tx);
        if (param.kind === "provider") await restoreLimits(execute, param.name);
        else await removeLimits(execute, key);
        return { body: null, changes: [{ action: "gate.remove", resource: key, before }] };
      });
      return c.body(null, 204);
    });
}
