import { defineStatement, type Execute } from "./sql.ts";

const lockStatement = defineStatement<{ ids: readonly string[] }, { id: string }>(
  "SELECT id FROM recipients WHERE id = ANY(:ids::uuid[]) AND erased_at IS NULL ORDER BY id FOR KEY SHARE",
);

/**
 * Locks recipients against erasure until the end of the transaction, so that an erasure waits and then finds all that the transaction has written of
 * them. It comes before the locks of their rows, because an erasure locks in this order. Resolves with those who are not erased.
 */
export async function lockRecipients(
  execute: Execute,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  return new Set((await execute(lockStatement, { ids })).map(({ id }) => id));
}
