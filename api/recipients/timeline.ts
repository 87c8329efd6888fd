import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import type { Rulebook } from "../../ledger/rulebook.ts";
import { digestInstants } from "../../domain/policy/digest-instants.ts";
import { publicId } from "../../domain/ids.ts";
import {
  countGrants,
  type Limit,
  findRoomAt,
  listLimitWindows,
  buildRecipientLimit,
} from "../../domain/policy/limits.ts";
import { localText } from "../../domain/time/local-text.ts";
import { digestModes, effectivePreferences } from "../../domain/policy/preferences.ts";
import { type Priority, priorities } from "../../domain/priority.ts";
import { quietUntil } from "../../domain/policy/quiet-hours.ts";
import type { RecipientState } from "../../ledger/recipient-snapshot.ts";
import type { Routes } from "../../ledger/routes.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { readRange, shownDigest, type TimeRange, timelineRange } from "./timeline-range.ts";
import { readWaiting, shownDeliveries, waitingMessage } from "./waiting.ts";

/** The largest number of groups in a response. */
const shownGroups = 200;

/** The schema of a timeline: the waiting messages, the limits and the next digests of a recipient. */
export const timelineAnswer = z
  .object({
    timeZone: z.string().openapi({
      description: "The recipient’s time zone",
      example: "Europe/Berlin",
    }),
    quiet: z
      .object({
        now: z.boolean().openapi({ example: true }),
        until: z.iso.datetime().nullable().openapi({ example: "2027-03-29T05:00:00.000Z" }),
        reason: z
          .enum(["quiet_hours", "do_not_disturb"])
          .nullable()
          .openapi({ example: "quiet_hours" }),
      })
      .openapi({
        description:
          "Whether the recipient must not be disturbed now, by messages without a type. Notification types may have other rules",
      }),
    waiting: z.array(waitingMessage).openapi({
      description: `The open deliveries, at most ${shownDeliveries}, and the later stages of their routes, ordered by when they are due`,
    }),
    more: z.number().int().openapi({
      description: "The number of further open deliveries; GET /v1/deliveries lists all of them",
      example: 0,
    }),
    groups: z
      .array(
        z.object({
          id: z.string().openapi({ example: exampleIdOf("group") }),
          kind: z.enum(["batch", "digest"]),
          type: z.string().nullable().openapi({
            description: "The notification type; null for a digest, which has messages of any type",
            example: "task.deadline",
          }),
          priority: z.enum(priorities).nullable().openapi({ example: "normal" }),
          closesAt: z.iso.datetime(),
          members: z.number().int().openapi({ example: 3 }),
        }),
      )
      .openapi({
        description: `Batches and digests that have not been sent, ordered by when they close: at most ${shownGroups}`,
      }),
    limits: z
      .array(
        z.object({
          of: z.enum(["recipient_limit", "organisation_limit"]).openapi({
            description: "Whether the recipient or the organisation has set the limit",
          }),
          limit: z.number().int().openapi({ example: 3 }),
          windowSeconds: z.number().int().openapi({ example: 3_600 }),
          granted: z.number().int().openapi({
            description: "The number of messages sent within the window that ends now",
            example: 1,
          }),
          roomAt: z.iso.datetime().nullable().openapi({
            description: "When the limit allows another message; null means now",
          }),
        }),
      )
      .openapi({
        description: "Limits on messages without a type; notification types may have further ones",
      }),
    digests: z.object({
      mode: z.enum(digestModes).openapi({ example: "daily" }),
      next: z
        .array(shownDigest)
        .openapi({ description: "The next digests; none in the mode `immediate`" }),
    }),
    range: timelineRange.nullable().openapi({
      description: "What was and will be from `from` to `until`; null if these were not given",
      example: null,
    }),
  })
  .openapi("Timeline");

type TimelineAnswer = z.output<typeof timelineAnswer>;

/** Reads the timeline of `person` at `now`, with the next `digests` digests and what was and will be in the days of `range`. */
export async function timelineOf(
  { pool, routes }: { pool: Pick<Pool, "query">; routes: Routes },
  { policy }: Rulebook,
  person: RecipientState,
  { now, digests, range }: { now: number; digests: number; range: TimeRange | null },
): Promise<TimelineAnswer> {
  const { timeZone, grants } = person;
  const effective = effectivePreferences({
    organisation: policy.preferences,
    type: null,
    recipient: person.preferences,
  });
  const quiet = quietUntil(effective, timeZone, now);
  const limitJson = (owner: TimelineAnswer["limits"][number]["of"]) => (limit: Limit) => {
    const room = findRoomAt(limit, grants, 0);
    return {
      of: owner,
      limit: limit.limit,
      windowSeconds: limit.windowMs / 1_000,
      granted: countGrants(limit, grants, now),
      roomAt: room > now ? instant(room) : null,
    };
  };
  const { mode } = effective.digest;
  const next = mode === "immediate" ? [] : digestInstants(effective.digest, timeZone, now, digests);
  return {
    timeZone,
    quiet: {
      now: quiet !== null,
      until: quiet && instant(quiet.until),
      reason: quiet && quiet.reason,
    },
    ...(await readWaiting({ pool, routes }, { person, preferences: effective, now })),
    groups: await readGroups(pool, person.id),
    limits: [
      ...[buildRecipientLimit(effective.maxPerHour)].map(limitJson("recipient_limit")),
      ...listLimitWindows(policy.limits, "organisation_limit").map(limitJson("organisation_limit")),
    ],
    digests: {
      mode,
      next: next.map((at) => ({ at: instant(at), local: localText(timeZone, at) })),
    },
    range: range && (await readRange(pool, person, effective, { ...range, now })),
  };
}

const instant = (at: number) => new Date(at).toISOString();

interface GroupRow {
  id: string;
  kind: "batch" | "digest";
  type: string | null;
  priority: Priority | null;
  closesAt: Date;
  members: number;
}

async function readGroups(
  pool: Pick<Pool, "query">,
  recipientId: string,
): Promise<TimelineAnswer["groups"]> {
  const { rows } = await pool.query<GroupRow>(
    `SELECT g.id, g.kind, t.key AS type, g.priority, g.closes_at AS "closesAt", g.member_count AS members
     FROM groups g LEFT JOIN notification_types t ON t.id = g.type_id
     WHERE g.id IN (SELECT group_id FROM deliveries WHERE recipient_id = $1::uuid AND due_at IS NOT NULL) AND g.status <> 'closed'
     ORDER BY g.closes_at, g.id LIMIT ${shownGroups}`,
    [recipientId],
  );
  return rows.map(({ id, closesAt, ...row }) => ({
    id: publicId("group", id),
    ...row,
    closesAt: closesAt.toISOString(),
  }));
}
