import { z } from "@hono/zod-openapi";
import { executeIn } from "../../ledger/sql.ts";
import type { DataKey } from "../../prisma/generated/client.ts";
import { idempotencyHeaders, withIdempotentTransaction } from "../http/idempotency.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

const dataKey = z
  .object({
    id: z.int().openapi({ example: 1 }),
    masterKey: z.string().openapi({
      description: "The id of the key in `SEALING_KEYS` that encrypts the data key",
      example: "k1",
    }),
    createdAt: z.iso.datetime(),
    retiredAt: z.iso.datetime().nullable().openapi({
      description: "When a newer data key replaced it; null while it encrypts new values",
      example: null,
    }),
    resealedAt: z.iso.datetime().nullable().openapi({
      description:
        "When maintenance found that no value is encrypted with it any more; null if it has not",
      example: null,
    }),
  })
  .openapi("DataKey");

const sealing = z
  .object({
    state: z.enum(["up", "off", "failing"]).openapi({
      description:
        "`up`: values can be encrypted and decrypted. `off`: no key is configured, and nothing is encrypted. `failing`: a key is missing, or is not the original one",
    }),
    fault: z.string().nullable().openapi({
      description:
        "What is missing, with the id of the key and the number of values that need it; null if the state is `up`",
      example: null,
    }),
    dataKeys: z.array(dataKey),
  })
  .openapi("Sealing");

const rotation = z
  .object({
    dataKey: z.int().openapi({
      description: "The id of the data key that encrypts from now on",
      example: 2,
    }),
    retired: z.int().openapi({
      description: "The id of the data key that it replaces",
      example: 1,
    }),
  })
  .openapi("SealingRotation");

const get = defineRoute({
  method: "get",
  path: "/v1/sealing",
  access: "viewer",
  class: "operations",
  summary: "Get the state of the encryption of secrets and device addresses in the database",
  description: "No key is part of the answer: keys are named by their ids.",
  responses: responses(200, "The state, and all data keys", sealing),
});

const rotate = defineRoute({
  method: "post",
  path: "/v1/sealing/rotate",
  access: "admin",
  needsProof: true,
  summary: "Encrypt secrets and device addresses with a new data key",
  description:
    "New values are encrypted with it at once, by other processes within a minute. The next maintenance, at 02:00 UTC or when its Schedule is triggered, decrypts the existing values and encrypts them with it. The previous data key is kept. With 503, a key in `SEALING_KEYS` is missing.",
  request: { headers: idempotencyHeaders },
  responses: responses(200, "The new data key", rotation),
});

export function sealingRoutes(services: Services) {
  const { prisma, sealer } = services;

  return createRouter()
    .openapi(get, async (c) => {
      const { state, fault } = await sealer.check("fresh");
      const rows = await prisma.dataKey.findMany({
        omit: { wrapped: true },
        orderBy: { id: "asc" },
      });
      return c.json({ state, fault, dataKeys: rows.map(dataKeyJson) }, 200);
    })
    .openapi(rotate, async (c) =>
      withIdempotentTransaction(c, services, 200, async (tx) => {
        const rotated = await sealer.rotate(executeIn(tx));
        if (!rotated)
          throw new Problem("conflict", "Another request has just changed the data key.");
        const { dataKey: id, retired } = rotated;
        return {
          body: { dataKey: id, retired },
          changes: [
            {
              action: "sealing.rotate",
              resource: "sealing",
              before: { dataKey: retired },
              after: { dataKey: id },
            },
          ],
          committed: () => void sealer.check("fresh").catch(() => {}),
        };
      }),
    );
}

const dataKeyJson = ({
  id,
  wrappedBy,
  createdAt,
  retiredAt,
  resealedAt,
}: Omit<DataKey, "wrapped">): z.output<typeof dataKey> => ({
  id,
  masterKey: wrappedBy,
  createdAt: createdAt.toISOString(),
  retiredAt: retiredAt?.toISOString() ?? null,
  resealedAt: resealedAt?.toISOString() ?? null,
});
