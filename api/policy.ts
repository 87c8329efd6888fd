import { z } from "@hono/zod-openapi";
import { type Policy, policy, policyFrom } from "../domain/policy.ts";
import type { PolicyVersion, Prisma } from "../prisma/generated/client.ts";

/** A policy, as every route shows it. */
export const policyAnswer = z
  .object({
    version: z
      .number()
      .int()
      .openapi({ description: "Counts changes: its ETag; 0 of the presets", example: 1 }),
    policy: policy.meta({ description: "All that holds" }),
    changes: z.record(z.string(), z.unknown()).openapi({
      description: "What of it differs from the presets",
      example: { limits: { perMinute: 5 } },
    }),
    createdBy: z
      .string()
      .nullable()
      .openapi({ description: "Who made it; null of the presets", example: "bootstrap" }),
    createdAt: z.iso.datetime().nullable(),
  })
  .openapi("Policy");

export interface ReadPolicy {
  policy: Policy;
  /** As it is shown. */
  json: z.output<typeof policyAnswer>;
}

/** The policy in force: the presets where nobody has said anything else. */
export async function readPolicy(
  client: Pick<Prisma.TransactionClient, "policyVersion">,
): Promise<ReadPolicy> {
  return readOf(await client.policyVersion.findFirst({ orderBy: { version: "desc" } }));
}

export function readOf(row: PolicyVersion | null): ReadPolicy {
  const changes = (row?.document ?? {}) as Record<string, unknown>;
  const whole = policyFrom(changes);
  return {
    policy: whole,
    json: {
      version: row?.version ?? 0,
      policy: whole,
      changes,
      createdBy: row?.createdBy ?? null,
      createdAt: row?.createdAt.toISOString() ?? null,
    },
  };
}
