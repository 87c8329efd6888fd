import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import { hourMs } from "../../domain/time/durations.ts";
import { nextDigestAt } from "../../domain/policy/digest-instants.ts";
import type { EffectivePreferences } from "../../domain/policy/preferences.ts";
import { listQuietSpans } from "../../domain/policy/quiet-hours.ts";
import { listLocalDays } from "../../domain/time/local-time.ts";
import { localText } from "../../domain/time/local-text.ts";
import type { RecipientState } from "../../ledger/recipient-snapshot.ts";
import { executeOn } from "../../ledger/sql.ts";
import {
  deliveryAnswer,
  deliveryColumns,
  ledgerJson,
  type DeliveryRow,
} from "../deliveries/store.ts";
import { readInstants } from "../deliveries/instants.ts";
import { readSnoozes, shownSnooze, shownSnoozes } from "./snoozes.ts";

/** The longest time that a timeline shows. */
export const maxRangeDays = 31;
/** How many of each kind a timeline shows. */
const shownEnded = 500;
const shownDigests = 200;
const shownSpans = 500;
/** Of how many deliveries of the recipient, the newest ones, those that ended within the time are looked for. */
const searchedDeliveries = 5_000;

const { id, source, stage, type, channel, priority, status, reason, group, openedAt, clickedAt } =
  deliveryAnswer.shape;
const instant = z.iso.datetime();

/** A digest in a response. */
export const shownDigest = z.object({
  at: instant.openapi({ example: "2027-03-28T06:00:00.000Z" }),
  local: z.string().openapi({
    description: "The same time in the recipient’s time zone",
    example: "Sunday 2027-03-28 08:00 +02:00",
  }),
});

const more = (what: string) =>
  z
    .number()
    .int()
    .openapi({ description: `The number of further ${what}`, example: 0 });

/** What was and will be in a time, as a timeline shows it. */
export const timelineRange = z.object({
  from: instant.openapi({ description: "The beginning of the first day" }),
  until: instant.openapi({ description: "The end of the last day" }),
  days: z
    .array(
      z.object({
        date: z.string().openapi({ example: "2027-03-28" }),
        from: instant.openapi({ example: "2027-03-27T23:00:00.000Z" }),
        until: instant.openapi({ example: "2027-03-28T22:00:00.000Z" }),
        hours: z.number().openapi({
          description: "How long the day is: 23 or 25 hours where the clocks change by one",
          example: 23,
        }),
      }),
    )
    .openapi({ description: "The whole days in the recipient’s time zone" }),
  quiet: z
    .array(
      z.object({
        from: instant,
        until: instant,
        reason: z.enum(["quiet_hours", "do_not_disturb"]).openapi({ example: "quiet_hours" }),
      }),
    )
    .openapi({
      description: `When the recipient must not be disturbed, also in the past, by the preferences that are in force now: at most ${shownSpans}`,
    }),
  moreQuiet: more("such times"),
  digests: z.array(shownDigest).openapi({
    description: `The times of digests from now on, at most ${shownDigests}; none in the mode \`immediate\``,
  }),
  moreDigests: z.boolean().openapi({ description: "Whether there are further digests" }),
  ended: z
    .array(
      z.object({
        id,
        source,
        stage,
        type,
        channel,
        priority,
        status,
        reason,
        group,
        at: instant.openapi({ description: "When the delivery ended" }),
        openedAt,
        clickedAt,
      }),
    )
    .openapi({
      description: `The deliveries that ended in this time, the latest first: at most ${shownEnded}, of the newest ${searchedDeliveries} of the recipient`,
    }),
  moreEnded: more("deliveries that ended in this time; GET /v1/deliveries lists all of them"),
  snoozes: z.array(shownSnooze).openapi({
    description: `What the recipient has snoozed, from when to when, the earliest first: the latest ${shownSnoozes}`,
  }),
  moreSnoozes: more("snoozes"),
});

type TimelineRange = z.output<typeof timelineRange>;

/** A time that is asked for, in epoch milliseconds. Its days are shown whole. */
export interface TimeRange {
  from: number;
  until: number;
}

const isoOf = (at: number) => new Date(at).toISOString();

/** Reads what was and will be in the local days of a time of at most `maxRangeDays`. `now` is in epoch milliseconds. */
export async function readRange(
  pool: Pick<Pool, "query">,
  person: Pick<RecipientState, "id" | "timeZone">,
  preferences: EffectivePreferences,
  { from, until, now }: TimeRange & { now: number },
): Promise<TimelineRange> {
  const { timeZone } = person;
  const days = listLocalDays(timeZone, from, until);
  const [begin, end] = [days[0]!.from, days.at(-1)!.until];
  const quiet = listQuietSpans(preferences, timeZone, begin, end);
  const { digests, moreDigests } = listDigests(preferences, timeZone, Math.max(begin, now), end);
  return {
    from: isoOf(begin),
    until: isoOf(end),
    days: days.map((day) => ({
      date: day.date,
      from: isoOf(day.from),
      until: isoOf(day.until),
      hours: (day.until - day.from) / hourMs,
    })),
    quiet: quiet.slice(0, shownSpans).map((span) => ({
      from: isoOf(span.from),
      until: isoOf(span.until),
      reason: span.reason,
    })),
    moreQuiet: Math.max(quiet.length - shownSpans, 0),
    digests: digests.map((at) => ({ at: isoOf(at), local: localText(timeZone, at) })),
    moreDigests,
    ...(await readEnded(pool, person.id, { begin, end })),
    ...(await readSnoozes(pool, person.id, { begin, end })),
  };
}

function listDigests(
  { digest }: EffectivePreferences,
  timeZone: string,
  after: number,
  end: number,
): { digests: number[]; moreDigests: boolean } {
  const digests: number[] = [];
  if (digest.mode === "immediate") return { digests, moreDigests: false };
  for (let at = nextDigestAt(digest, timeZone, after); at < end;) {
    if (digests.length === shownDigests) return { digests, moreDigests: true };
    digests.push(at);
    at = nextDigestAt(digest, timeZone, at);
  }
  return { digests, moreDigests: false };
}

async function readEnded(
  pool: Pick<Pool, "query">,
  recipientId: string,
  { begin, end }: { begin: number; end: number },
): Promise<Pick<TimelineRange, "ended" | "moreEnded">> {
  const { rows } = await pool.query<DeliveryRow & { ended: number }>(
    `SELECT ${deliveryColumns}, d.ended FROM (
       SELECT *, (count(*) OVER ())::int AS ended FROM (
         SELECT * FROM deliveries WHERE recipient_id = $1::uuid AND due_at IS NULL ORDER BY id DESC LIMIT ${searchedDeliveries}
       ) AS newest WHERE finished_at >= $2::timestamptz AND finished_at < $3::timestamptz
       ORDER BY finished_at DESC, id DESC LIMIT ${shownEnded}
     ) AS d ORDER BY d.finished_at DESC, d.id DESC`,
    [recipientId, new Date(begin), new Date(end)],
  );
  const instantsOf = await readInstants(executeOn(pool), rows);
  const ended = rows.map((row) => {
    const { id, source, stage, type, channel, priority, status, reason, group, finishedAt } =
      ledgerJson(row);
    const { openedAt, clickedAt } = instantsOf(row.id);
    const at = finishedAt!;
    return {
      id,
      source,
      stage,
      type,
      channel,
      priority,
      status,
      reason,
      group,
      at,
      openedAt,
      clickedAt,
    };
  });
  return { ended, moreEnded: (rows[0]?.ended ?? 0) - rows.length };
}
