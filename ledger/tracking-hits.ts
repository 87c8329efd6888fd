import type { Pool } from "pg";
import { type Hit, judgeHits } from "../domain/tracking/judging.ts";
import type { ActionTarget } from "../domain/tokens.ts";
import { type Engagement, type EngagementKind, recordEngagements } from "./engagement.ts";
import { defineStatement, type Execute, executeOn } from "./sql.ts";
import { inTransaction } from "./transaction.ts";

/*
 * Requests for the images and links of emails. Each is written first, so that it survives a crash, and judged a few seconds later together with
 * the others of its message, by whichever API process comes first: only then it is known whether a person made it.
 */

/** A request for the image or a link of a message. */
export interface TrackedHit extends Hit {
  message: ActionTarget;
}

/** How long a hit waits for others of its message: longer than the time within which nobody follows several links. */
const judgedAfter = "interval '4 seconds'";
/** How far back the hits of a message are read: as far as the hidden link reaches. */
const contextSpan = "interval '1 minute'";
/** The hits that one transaction judges. */
const judgedTogether = 1_000;

const inMs = (instant: string) => `(extract(epoch FROM ${instant}) * 1000)::float8`;

/** The first delivery of a message, and when its message was handed over, if that is recorded. */
const deliveryOf = (messageId: string) =>
  [
    `SELECT recipient_id, campaign_id, coalesce(attempt_finished_at, finished_at) AS handed_over_at FROM ended_deliveries WHERE id = ${messageId}`,
    `SELECT recipient_id, campaign_id, NULL FROM open_deliveries WHERE id = ${messageId}`,
    `SELECT recipient_id, NULL, coalesce(attempt_finished_at, finished_at) FROM ended_deliveries WHERE group_id = ${messageId}`,
    `SELECT recipient_id, NULL, NULL FROM open_deliveries WHERE group_id = ${messageId}`,
  ].join(" UNION ALL ") + " LIMIT 1";

interface HitColumns {
  ids: readonly string[];
  kinds: readonly string[];
  links: readonly (number | null)[];
  instants: readonly number[];
  suspicions: readonly (string | null)[];
}

/** Hits on messages that are no longer stored, or whose recipient was erased, are left out. */
const addStatement = defineStatement<HitColumns>(
  `INSERT INTO engagement_events (message_id, recipient_id, campaign_id, kind, link, at, suspicion, due_at)
   SELECT h.id, d.recipient_id, d.campaign_id, h.kind, h.link, to_timestamp(h.ms / 1000), h.suspicion, ledger_now() + ${judgedAfter}
   FROM unnest(:ids::uuid[], :kinds::text[], :links::int[], :instants::float8[], :suspicions::text[]) AS h(id, kind, link, ms, suspicion)
     CROSS JOIN LATERAL (${deliveryOf("h.id")}) AS d JOIN recipients r ON r.id = d.recipient_id
   WHERE r.erased_at IS NULL`,
  "add-tracked-hits",
);

/** Writes hits. */
export async function addHits(execute: Execute, hits: readonly TrackedHit[]): Promise<void> {
  await execute(addStatement, {
    ids: hits.map(({ message }) => ("group" in message ? message.group : message.delivery)),
    kinds: hits.map(({ kind }) => kind),
    links: hits.map(({ link }) => link),
    instants: hits.map(({ atMs }) => atMs),
    suspicions: hits.map(({ suspicion }) => suspicion),
  });
}

interface HitRow extends Hit {
  id: string;
  messageId: string;
  isDue: boolean;
  /** Whether the message is no longer stored, or its recipient was erased. */
  isGone: boolean;
  handedOverAtMs: number | null;
}

/**
 * Takes the hits that are due, and reads the others of their messages. Hits of a recipient who is being erased are left to the erasure: it waits for the
 * hits that this has locked, so that this must not wait for the recipient.
 */
const takeStatement = defineStatement<object, HitRow>(
  `WITH due AS MATERIALIZED (
     SELECT h.id, h.message_id, h.at FROM engagement_events h JOIN recipients o ON o.id = h.recipient_id
     WHERE h.due_at <= ledger_now() ORDER BY h.due_at LIMIT ${judgedTogether} FOR UPDATE OF h SKIP LOCKED FOR KEY SHARE OF o SKIP LOCKED
   ),
   named AS MATERIALIZED (SELECT message_id, min(at) AS first_at FROM due GROUP BY message_id)
   SELECT e.id::text, e.message_id AS "messageId", e.kind, e.link, e.suspicion, ${inMs("e.at")} AS "atMs",
     e.id IN (SELECT id FROM due) AS "isDue", (d.recipient_id IS NULL OR r.erased_at IS NOT NULL) AS "isGone", ${inMs("d.handed_over_at")} AS "handedOverAtMs"
   FROM named n JOIN engagement_events e ON e.message_id = n.message_id AND e.at >= n.first_at - ${contextSpan}
     LEFT JOIN LATERAL (${deliveryOf("n.message_id")}) AS d ON true LEFT JOIN recipients r ON r.id = d.recipient_id
   ORDER BY e.message_id, e.at`,
  "take-tracked-hits",
);

/** Opens are counted in `engagements`, and only links are told apart. */
const settleStatement = defineStatement<{
  removed: readonly string[];
  judged: readonly string[];
  byPerson: readonly boolean[];
}>(
  `WITH gone AS (DELETE FROM engagement_events WHERE id = ANY(:removed::bigint[]))
   UPDATE engagement_events AS e SET due_at = NULL, by_person = j.by_person
   FROM unnest(:judged::bigint[], :byPerson::boolean[]) AS j(id, by_person) WHERE e.id = j.id`,
  "settle-tracked-hits",
);

const kinds: Record<Hit["kind"], Record<"person" | "machine", EngagementKind>> = {
  open: { person: "opened", machine: "opened_by_machine" },
  click: { person: "clicked", machine: "clicked_by_machine" },
};

/** Judges the hits that are due, and records what became of their messages. Resolves with whether more may be due. */
export async function judgeDueHits(pool: Pool): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const execute = executeOn(client);
    const rows = await execute(takeStatement, {});
    if (rows.length === 0) return false;
    const engagements: Engagement[] = [];
    const removed: string[] = [];
    const judged: { id: string; byPerson: boolean }[] = [];
    for (const hits of groupByMessage(rows)) {
      const verdicts = judgeHits(hits, hits[0]!.handedOverAtMs);
      for (const [index, { id, messageId, kind, atMs, isDue, isGone }] of hits.entries()) {
        if (!isDue) continue;
        const by = verdicts[index]!;
        if (isGone || kind === "open") removed.push(id);
        else judged.push({ id, byPerson: by === "person" });
        if (!isGone)
          engagements.push({
            id: messageId,
            kind: kinds[kind][by],
            at: new Date(atMs),
            count: 1,
          });
      }
    }
    await recordEngagements(execute, engagements);
    await execute(settleStatement, {
      removed,
      judged: judged.map(({ id }) => id),
      byPerson: judged.map(({ byPerson }) => byPerson),
    });
    return removed.length + judged.length >= judgedTogether;
  });
}

/** The rows are in the order of their messages. */
function groupByMessage(rows: readonly HitRow[]): HitRow[][] {
  const groups: HitRow[][] = [];
  for (const row of rows) {
    const last = groups.at(-1);
    if (last?.[0]!.messageId === row.messageId) last.push(row);
    else groups.push([row]);
  }
  return groups;
}

/** How often a link of a campaign was followed. */
export interface LinkCount {
  number: number;
  /** The number of recipients of whom at least one request was made by a person, and of those of whom one was made by a program. */
  people: number;
  machines: number;
  /** The requests that people made. */
  clicks: number;
}

const linksStatement = defineStatement<{ campaignId: string }, LinkCount>(
  `SELECT link AS number, count(DISTINCT message_id) FILTER (WHERE by_person)::int AS people,
     count(DISTINCT message_id) FILTER (WHERE NOT by_person)::int AS machines, count(*) FILTER (WHERE by_person)::int AS clicks
   FROM engagement_events WHERE campaign_id = :campaignId::uuid AND link > 0 AND by_person IS NOT NULL GROUP BY link ORDER BY people DESC, link LIMIT 500`,
);

/** Counts how often each link of a campaign was followed, as far as its deliveries are stored. */
export const countLinks = (execute: Execute, campaignId: string): Promise<LinkCount[]> =>
  execute(linksStatement, { campaignId });
