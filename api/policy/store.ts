import { z } from "@hono/zod-openapi";
import { mergePatch } from "../../domain/merge-patch.ts";
import { type Policy, policy, buildPolicy, defaultPolicy } from "../../domain/policy/policy.ts";
import type { PolicyVersion, Prisma } from "../../prisma/generated/client.ts";
import { invalid } from "../http/problem.ts";
import { fieldErrors } from "../http/validation.ts";

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
  /** The policy as the API shows it. */
  json: z.output<typeof policyAnswer>;
}

/** Reads the policy in force, which is the presets until it is changed. */
export async function readPolicy(
  client: Pick<Prisma.TransactionClient, "policyVersion">,
): Promise<ReadPolicy> {
  return toReadPolicy(await client.policyVersion.findFirst({ orderBy: { version: "desc" } }));
}

/** The policy in force, held against other changes to the end of the transaction. */
export async function lockPolicy(tx: Prisma.TransactionClient): Promise<ReadPolicy> {
  // The whole table, for there may be no row yet that could be locked.
  await tx.$executeRaw`LOCK TABLE policy_versions IN SHARE ROW EXCLUSIVE MODE`;
  return readPolicy(tx);
}

export function toReadPolicy(row: PolicyVersion | null): ReadPolicy {
  const changes = (row?.document ?? {}) as Record<string, unknown>;
  const whole = buildPolicy(changes);
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

/** The policy that a patch, which stands `at` a place of the body, makes of one; throws the problem of one that may not be. */
export function patchPolicy(
  { json }: ReadPolicy,
  wanted: unknown,
  at: readonly string[] = [],
): Policy {
  // Of what differs from the presets, so that what is null there takes its preset.
  const parsed = policy.safeParse(mergePatch(defaultPolicy, mergePatch(json.changes, wanted)));
  if (!parsed.success) throw invalid(fieldErrors(parsed.error, "body", at));
  return parsed.data;
}
