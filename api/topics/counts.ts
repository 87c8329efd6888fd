import type { Pool } from "pg";
import type { SubscriptionStatus } from "../../domain/consent.ts";
import { defineStatement, executeOn } from "../../ledger/sql.ts";

type Counts = Record<SubscriptionStatus, number>;

const statement = defineStatement<
  { ids: readonly string[] },
  { topicId: string; status: SubscriptionStatus; count: number }
>(
  `SELECT topic_id AS "topicId", status, count(*)::int AS count FROM topic_subscriptions WHERE topic_id = ANY(:ids::uuid[]) GROUP BY 1, 2`,
);

/** Counts the subscribers of topics by status. Resolves with a function that finds the numbers of one. */
export async function countSubscribers(
  pool: Pick<Pool, "query">,
  ids: readonly string[],
): Promise<(id: string) => Counts> {
  const rows = ids.length === 0 ? [] : await executeOn(pool)(statement, { ids });
  return (id) => {
    const counts: Counts = { pending: 0, subscribed: 0, unsubscribed: 0 };
    for (const row of rows) if (row.topicId === id) counts[row.status] = row.count;
    return counts;
  };
}
