import type { Pool } from "pg";

const everyMs = 60_000;
const tables = { key: "api_keys", session: "sessions" } as const;

/** Makes a function that records when a key or a session was last used, at most once a minute. It does not wait for the database. */
export function createUseRecorder(
  pool: Pick<Pool, "query">,
  kind: keyof typeof tables,
): (id: string, now: Date) => void {
  const usedAt = new Map<string, number>();
  return (id, now) => {
    if (now.getTime() - (usedAt.get(id) ?? 0) < everyMs) return;
    usedAt.set(id, now.getTime());
    // A request is not refused because its use could not be recorded.
    pool
      .query({
        name: `note-${kind}-use`,
        text: `UPDATE ${tables[kind]} SET last_used_at = $2 WHERE id = $1`,
        values: [id, now],
      })
      .catch(() => {
        usedAt.delete(id);
      });
  };
}
