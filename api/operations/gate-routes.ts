import { z } from "@hono/zod-openapi";
import { channels } from "../../domain/channel.ts";
import { gateLimits, type GateKind, limitedKinds } from "../../domain/delivery/gates.ts";
import { providerName } from "../../domain/provider-name.ts";
import { changeOf } from "../http/audit.ts";
import { removeGate, setGate } from "../../ledger/gates.ts";
import { executeIn } from "../../ledger/sql.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { gateAnswer, gateJson, shownGates, shownKinds } from "./gates.ts";
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

const params = z.object({
  kind: z.string().openapi({ description: limitedKinds.join(" or "), example: "provider" }),
  name: z.string().openapi({ description: "Of the channel or the provider", example: "smtp-1" }),
});

const list = defineRoute({
  method: "get",
  path: "/v1/gates",
  access: "viewer",
  summary: "Limits on what leaves by a channel or a provider, over all workers",
  description: "Those of campaigns are their throttles.",
  responses: responses(200, "All of them", z.object({ items: z.array(gateAnswer) })),
});

const get = defineRoute({
  method: "get",
  path: "/v1/gates/{kind}/{name}",
  access: "viewer",
  summary: "One limit",
  request: { params },
  responses: responses(200, "The gate", gateAnswer),
});

const put = defineRoute({
  method: "put",
  path: "/v1/gates/{kind}/{name}",
  access: "admin",
  summary: "Limit what leaves by a channel or a provider. Obeyed within a second or so.",
  description:
    "No more than a rate and its `burst` leave within any second; a quota is counted by UTC days. What is over either waits, without using up attempts; what is over " +
    "a provider's takes another provider, if there is one. What was let through today still counts.",
  request: {
    params,
    body: jsonContent(
      gateLimits.meta({ example: { permitsPerSecond: 14, burst: 5, dailyQuota: 50_000 } }),
    ),
  },
  responses: responses(200, "The gate afterwards", gateAnswer),
});

const remove = defineRoute({
  method: "delete",
  path: "/v1/gates/{kind}/{name}",
  access: "admin",
  summary: "Lift the limit. A gate that a provider asked to be shut is open again.",
  request: { params },
  responses: { 204: { description: "Nothing limits it any more" }, ...problemResponse },
});

/** The key of a gate that a path names; throws the 404 of one that there cannot be. */
function keyOf({ kind, name }: { kind: string; name: string }, among: readonly GateKind[]): string {
  const names = kind === "provider" ? providerName : z.enum(channels);
  if (!among.includes(kind as GateKind) || !names.safeParse(name).success)
    throw notFound("gate", "name");
  return `${kind}/${name}`;
}

export function gateRoutes(services: Services) {
  const { prisma, clock } = services;

  /** Locks a gate against other changes to the end of the transaction; null if there is none. */
  const lockGate = async (tx: Prisma.TransactionClient, key: string) => {
    await tx.$queryRaw`SELECT FROM gates WHERE key = ${key} FOR UPDATE`;
    const gate = await tx.gate.findUnique({ where: { key } });
    return gate && gateJson(gate, clock());
  };

  return createRouter()
    .openapi(list, async (c) => {
      const gates = await prisma.gate.findMany({ where: shownGates, orderBy: { key: "asc" } });
      return c.json({ items: gates.map((gate) => gateJson(gate, clock())) }, 200);
    })
    .openapi(get, async (c) => {
      const gate = await prisma.gate.findUnique({
        where: { key: keyOf(c.req.valid("param"), shownKinds) },
      });
      if (!gate) throw notFound("gate", "name");
      return c.json(gateJson(gate, clock()), 200);
    })
    .openapi(put, async (c) => {
      const param = c.req.valid("param");
      const key = keyOf(param, limitedKinds);
      const { permitsPerSecond, burst, dailyQuota } = c.req.valid("json");
      const json = await withAuditedTransaction(c, services, async (tx) => {
        // A gate with a misspelt name would limit nothing.
        if (
          param.kind === "provider" &&
          !(await tx.breaker.findUnique({ where: { provider: param.name } }))
        )
          throw notFound("provider", "name");
        const before = await lockGate(tx, key);
        await executeIn(tx)(setGate, {
          key,
          perSecond: permitsPerSecond,
          burst,
          dailyQuota,
        });
        const after = gateJson(await tx.gate.findUniqueOrThrow({ where: { key } }), clock());
        return { body: after, changes: [changeOf("gate.set", key, before ?? {}, after)] };
      });
      return c.json(json, 200);
    })
    .openapi(remove, async (c) => {
      const key = keyOf(c.req.valid("param"), limitedKinds);
      await withAuditedTransaction(c, services, async (tx) => {
        const before = await lockGate(tx, key);
        if (!before) throw notFound("gate", "name");
        await removeGate(executeIn(tx), key);
        return { body: null, changes: [{ action: "gate.remove", resource: key, before }] };
      });
      return c.body(null, 204);
    });
}
