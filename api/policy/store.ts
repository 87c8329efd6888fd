import { z } from "@hono/zod-openapi";
import { mergePatch } from "../../domain/merge-patch.ts";
import { type Policy, policy, buildPolicy, defaultPolicy } from "../../domain/policy/policy.ts";
import type { PolicyVersion, Prisma } from "../../prisma/generated/client.ts";
import { invalid } from "../http/problem.ts";
import { fieldErrors } from "../http/validation.ts";

/** A policy, as every route shows it. */
export const policyAnswer = z
  .object({
    version: z.number().int().openapi({
      description: "The number of the version, which is also the ETag; 0 for the defaults",
      example: 1,
    }),
    policy: policy.meta({ description: "The whole policy, including the defaults" }),
    changes: z.record(z.string(), z.unknown()).openapi({
      description: "The values that differ from the defaults",
      example: { limits: { perMinute: 5 } },
    }),
    createdBy: z.string().nullable().openapi({
      description:
        "Who made this version: `bootstrap`, or the id of an API key; null for the defaults",
      example: "bootstrap",
    }),
    createdAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "When this version was made; null for the defaults" }),
  })
  .openapi("Policy");

export interface ReadPolicy {
  policy: Policy;
  /** The policy as the API shows it. */
  json: z.output<typeof policyAnswer>;
}

/** Reads the current policy: the defaults until it is changed. */
export async function readPolicy(
  client: Pick<Prisma.TransactionClient, "policyVersion">,
): Promise<ReadPolicy> {
  return toReadPolicy(await client.policyVersion.findFirst({ orderBy: { version: "desc" } }));
}

/** Locks the policy against other changes until the transaction ends, and reads it. */
export async function lockPolicy(tx: Prisma.TransactionClient): Promise<ReadPolicy> {
  // Locks the whole table, because there may be no row yet that could be locked.
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

/**
 * Applies a merge patch to a policy. Throws the problem if the result is not valid.
 * @param at the path of the patch in the request body, for the errors
 */
export function patchPolicy(
  { json }: ReadPolicy,
  wanted: unknown,
  at: readonly string[] = [],
): Policy {
  // Patches the differences from the defaults, so that a null removes a difference and restores the default.
  const parsed = policy.safeParse(mergePatch(defaultPolicy, mergePatch(json.changes, wanted)));
  if (!parsed.success) throw invalid(fieldErrors(parsed.error, "body", at));
  return parsed.data;
}
