import { engagedWithinDays, type EngagementState } from "../domain/engagement-states.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** The day of UTC so many days ago. */
const daysAgo = (days: number) => `(ledger_now() AT TIME ZONE 'UTC')::date - ${days}`;

/** The SQL conditions on the day of the last engagement, `e.last_engaged_on`. */
const since: Record<Exclude<EngagementState, "never">, string> = {
  active: `e.last_engaged_on >= ${daysAgo(engagedWithinDays.active)}`,
  cooling: `e.last_engaged_on < ${daysAgo(engagedWithinDays.active)} AND e.last_engaged_on >= ${daysAgo(engagedWithinDays.cooling)}`,
  dormant: `e.last_engaged_on < ${daysAgo(engagedWithinDays.cooling)}`,
};

/** The SQL condition that the recipient with the id `id` was last engaged as `state` says. */
export const isEngaged = (state: EngagementState, id: string): string =>
  state === "never"
    ? `NOT EXISTS (SELECT FROM recipient_engagements AS e WHERE e.recipient_id = ${id})`
    : `EXISTS (SELECT FROM recipient_engagements AS e WHERE e.recipient_id = ${id} AND ${since[state]})`;

const countStatement = defineStatement<object, Record<EngagementState, number>>(`
  SELECT active, cooling, dormant, greatest((SELECT count(*) FROM recipients WHERE erased_at IS NULL) - active - cooling - dormant, 0)::int AS never
  FROM (
    SELECT ${(["active", "cooling", "dormant"] as const).map((state) => `(count(*) FILTER (WHERE ${since[state]}))::int AS ${state}`).join(", ")} FROM recipient_engagements AS e
  ) AS engaged`);

/** Counts the recipients that are not erased by their last engagement. It reads all of them. */
export const countByEngagement = async (
  execute: Execute,
): Promise<Record<EngagementState, number>> => (await execute(countStatement, {}))[0]!;
