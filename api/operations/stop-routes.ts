import { z } from "@hono/zod-openapi";
import type { Channel } from "../../domain/channel.ts";
import { limitedKinds } from "../../domain/delivery/gates.ts";
import { text } from "../../domain/text.ts";
import { instant } from "../../domain/time/instant.ts";
import { executeIn } from "../../ledger/sql.ts";
import { endStop, stopGate } from "../../ledger/stops.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { changeOf } from "../http/audit.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { invalid, notFound } from "../http/problem.ts";
import {
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import type { Services } from "../services.ts";
import { gateAnswer, gateJson, gateKeyOf, gateParams, lockGate } from "./gates.ts";

const put = defineRoute({
  method: "put",
  path: "/v1/gates/{kind}/{name}/stop",
  access: "admin",
  needsProof: true,
  summary: "Stop all messages of a channel or provider until an instant, or change its stop",
  description:
    "Workers notice within about a second; messages that are being handed over then still arrive. The others wait, and use up no attempts. A stopped channel is out of service: messages whose " +
    "route has another channel go on there as they do in an outage. A stopped provider is passed over for the next one of its channel. The gate opens by itself at `until`.",
  request: {
    params: gateParams,
    body: jsonContent(
      z.strictObject({
        until: instant.meta({
          description: "When messages are sent again",
          example: "2027-03-01T18:00:00Z",
        }),
        reason: text(200).openapi({
          description: "Why messages are stopped, for other operators",
          example: "The shop sends wrong prices",
        }),
      }),
    ),
  },
  responses: responses(200, "The gate after the change", gateAnswer),
});

const remove = defineRoute({
  method: "delete",
  path: "/v1/gates/{kind}/{name}/stop",
  access: "admin",
  needsProof: true,
  summary: "End the stop of a channel or provider",
  description:
    "What has waited is sent within seconds. A pause that the provider asked for meanwhile ends too; the limits stay.",
  request: { params: gateParams },
  responses: { 204: { description: "The stop has ended" }, ...problemResponse },
});

/** The channel whose messages a gate lets through. Throws a 404 if there is no such provider. */
async function channelOf(
  tx: Prisma.TransactionClient,
  { kind, name }: { kind: string; name: string },
): Promise<Channel> {
  if (kind === "channel") return name as Channel;
  const breaker = await tx.breaker.findUnique({ where: { provider: name } });
  if (!breaker) throw notFound("provider", "name");
  return breaker.channel;
}

export function stopRoutes(services: Services) {
  const { clock } = services;

  return createRouter()
    .openapi(put, async (c) => {
      const param = c.req.valid("param");
      const { until, reason } = c.req.valid("json");
      const gate = gateKeyOf(param, limitedKinds);
      if (until <= clock())
        throw invalid([{ in: "body", field: "/until", message: "must be in the future" }]);
      const json = await withAuditedTransaction(c, services, async (tx) => {
        await channelOf(tx, param);
        const before = await lockGate(tx, gate, clock());
        await stopGate(executeIn(tx), { gate, until, reason, by: c.get("caller").id });
        const after = gateJson(await tx.gate.findUniqueOrThrow({ where: { key: gate } }), clock());
        return { body: after, changes: [changeOf("gate.stop", gate, before ?? {}, after)] };
      });
      return c.json(json, 200);
    })
    .openapi(remove, async (c) => {
      const param = c.req.valid("param");
      const gate = gateKeyOf(param, limitedKinds);
      await withAuditedTransaction(c, services, async (tx) => {
        const channel = await channelOf(tx, param);
        const before = await lockGate(tx, gate, clock());
        if (!before?.shutBy) throw notFound("stop", "name");
        await endStop(executeIn(tx), { gate, channel });
        const row = await tx.gate.findUnique({ where: { key: gate } });
        const change = changeOf("gate.open", gate, before, row ? gateJson(row, clock()) : {});
        return { body: null, changes: [change] };
      });
      return c.body(null, 204);
    });
}
