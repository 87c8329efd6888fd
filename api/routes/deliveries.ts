import { z } from "@hono/zod-openapi";
import { parsePublicId } from "../../domain/ids.ts";
import { attemptFailures, type AttemptFailure } from "../../domain/outcome.ts";
import { deliveryAnswer, deliveryJson } from "../deliveries.ts";
import { notFound } from "../problem.ts";
import { type ApiDeps, createRouter, defineRoute, responses } from "../router.ts";

const attempt = z
  .object({
    number: z.number().int(),
    provider: z.string().nullable(),
    outcome: z.enum(["sent", "transient", "permanent", "unknown"]),
    failure: z.enum(attemptFailures).nullable(),
    response: z.string().nullable().openapi({ description: "What the provider answered" }),
    startedAt: z.iso.datetime(),
    finishedAt: z.iso.datetime(),
  })
  .openapi("Attempt");

const get = defineRoute({
  method: "get",
  path: "/v1/deliveries/{id}",
  access: "viewer",
  summary: "One delivery with its attempts",
  request: {
    params: z.object({ id: z.string().openapi({ example: "dlv_01jd3v8qyee7fr8xmcsnh5hbcd" }) }),
  },
  responses: responses(200, "The delivery", deliveryAnswer.extend({ attempts: z.array(attempt) })),
});

export function deliveryRoutes({ prisma }: ApiDeps) {
  return createRouter().openapi(get, async (c) => {
    const id = parsePublicId("delivery", c.req.valid("param").id);
    const row =
      id &&
      (await prisma.delivery.findUnique({
        where: { id },
        include: { attempts: { orderBy: { number: "asc" } } },
      }));
    if (!row) throw notFound("delivery");
    const attempts = row.attempts.map(
      ({ number, provider, outcome, failure, response, startedAt, finishedAt }) => ({
        number,
        provider,
        outcome,
        failure: failure as AttemptFailure | null,
        response,
        startedAt: startedAt.toISOString(),
        finishedAt: finishedAt.toISOString(),
      }),
    );
    return c.json({ ...deliveryJson(row), attempts }, 200);
  });
}
