import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import { channels } from "../../domain/channel.ts";
import { reasons } from "../../domain/delivery/reasons.ts";
import { countedStatuses } from "../../domain/delivery/status.ts";
import { publicId } from "../../domain/ids.ts";
import { priorities } from "../../domain/priority.ts";
import { text } from "../../domain/text.ts";
import { instant } from "../../domain/time/instant.ts";
import { dayMs, hourMs } from "../../domain/time/durations.ts";
import { intervals } from "../../ledger/delivery-counts.ts";
import { findNamed, idOf, typeParameter } from "../deliveries/filters.ts";
import { oneOrMore } from "../http/pages.ts";
import { invalid } from "../http/problem.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { type Dimension, dimensions, type FigureRow, readFigures } from "./figures.ts";
import { type Series, seriesOf } from "./series.ts";

const bucketMs = { minute: 60_000, hour: hourMs, day: dayMs } as const;
const maxBuckets = 720;
const presetSpanMs = dayMs;
const maxDimensions = 2;
/** How long counts are kept for each minute. */
const minutesMs = intervals[1].days * dayMs;

const boundary = (description: string, example: string) =>
  instant
    .meta({ type: "string", format: "date-time", example })
    .optional()
    .openapi({ description });

const query = z.object({
  by: oneOrMore(dimensions)
    .refine(
      (by) => by.length <= maxDimensions && new Set(by).size === by.length,
      "must name one or two different properties",
    )
    .optional()
    .openapi({
      description:
        "The properties that the numbers are broken down by: at most two, separated by commas. Without it there is one series",
      example: ["status"],
      maxItems: maxDimensions,
    }),
  from: boundary(
    "The beginning of the time, rounded down to a bucket. By default 24 hours before `until`",
    "2027-03-01T00:00:00Z",
  ),
  until: boundary(
    "The end of the time, rounded up to a bucket. By default now",
    "2027-03-02T00:00:00Z",
  ),
  bucket: z
    .enum(["minute", "hour", "day"])
    .default("hour")
    .openapi({
      description: `The length of a bucket. Days are those of UTC. An answer has at most ${maxBuckets} buckets; buckets of a minute reach ${intervals[1].days} days back`,
    }),
  time: z.enum(["ended", "created"]).default("ended").openapi({
    description:
      "Which instant of a delivery counts: when it ended, or when it was created. Open deliveries have only been created",
  }),
  stored: z.enum(["true", "false"]).default("false").openapi({
    description:
      "`true` leaves out the deliveries that retention has removed, which no list shows any more",
  }),
  status: oneOrMore(countedStatuses)
    .optional()
    .openapi({ description: "`open` are deliveries that wait or are being sent" }),
  reason: oneOrMore(reasons)
    .optional()
    .openapi({ description: "Why the deliveries wait, or ended as they did" }),
  channel: oneOrMore(channels).optional(),
  priority: oneOrMore(priorities).optional(),
  provider: text(100)
    .optional()
    .openapi({ description: "The provider of the last attempt", example: "smtp" }),
  source: z
    .enum(["campaign", "notification"])
    .optional()
    .openapi({ description: "Only deliveries of campaigns, or of notifications" }),
  type: typeParameter.optional(),
  campaign: idOf("campaign"),
});

const series = z.object({
  key: z.record(z.string(), z.string().nullable()).openapi({
    description:
      "The value of each property of `by`; null for deliveries without one. Open deliveries have no provider yet",
    example: { status: "sent" },
  }),
  total: z.number().int().openapi({ description: "The sum of `counts`", example: 1_180 }),
  counts: z
    .array(z.number().int())
    .openapi({ description: "The number of deliveries in each bucket", example: [480, 700] }),
});

const deliveries = defineRoute({
  method: "get",
  path: "/v1/stats/deliveries",
  access: "viewer",
  summary: "Count deliveries by time",
  request: { query },
  responses: responses(
    200,
    "The numbers. They are those of the ledger at the instant of the answer. `total` is the sum of the series and of `rest`",
    z
      .object({
        from: z.iso.datetime(),
        until: z.iso.datetime(),
        bucketSeconds: z
          .number()
          .int()
          .openapi({ description: "The length of each bucket", example: 3_600 }),
        total: z.number().int().openapi({ example: 1_190 }),
        series: z
          .array(series)
          .openapi({ description: "The series with any delivery, the largest first" }),
        rest: series.omit({ key: true }).openapi({
          description: "The sum of the series that are not shown, because there are too many",
          example: { total: 10, counts: [4, 6] },
        }),
      })
      .openapi("DeliveryStats"),
  ),
});

/** The routes that count. */
export function statsRoutes({ pool, clock }: Services) {
  return createRouter().openapi(deliveries, async (c) => {
    const { by = [], from, until, bucket, time, stored, ...given } = c.req.valid("query");
    const span = spanOf({ from, until, bucket, now: clock() });
    const filters = await findNamed(pool, given);
    const rows = filters
      ? await readFigures(pool, { ...span, time, by, filters, stored: stored === "true" })
      : [];
    const length = (span.until.getTime() - span.from.getTime()) / span.bucketMs;
    const { total, shown, rest } = seriesOf(await nameTypes(pool, by, rows), length);
    return c.json(
      {
        from: span.from.toISOString(),
        until: span.until.toISOString(),
        bucketSeconds: span.bucketMs / 1_000,
        total,
        series: shown.map(({ key, ...series }) => ({ key: keyOf(by, key), ...series })),
        rest,
      },
      200,
    );
  });
}

/** Rounds the time to buckets. */
function spanOf({
  from,
  until,
  bucket,
  now,
}: {
  from: Date | undefined;
  until: Date | undefined;
  bucket: keyof typeof bucketMs;
  now: Date;
}) {
  const length = bucketMs[bucket];
  const end = Math.ceil((until ?? now).getTime() / length) * length;
  const begin =
    Math.floor((from?.getTime() ?? (until ?? now).getTime() - presetSpanMs) / length) * length;
  const refuse = (message: string) => invalid([{ in: "query", field: "from", message }]);
  if (begin >= end) throw refuse("must be before `until`");
  if ((end - begin) / length > maxBuckets)
    throw refuse(
      `must be later, or the bucket longer: an answer has at most ${maxBuckets} buckets`,
    );
  if (bucket === "minute" && begin < now.getTime() - minutesMs)
    throw refuse(`must be within the last ${intervals[1].days} days for buckets of a minute`);
  return { from: new Date(begin), until: new Date(end), bucketMs: length };
}

/** Replaces the ids of types by their keys. */
async function nameTypes(
  pool: Pool,
  by: readonly Dimension[],
  rows: readonly FigureRow[],
): Promise<readonly FigureRow[]> {
  const place = by.indexOf("type");
  if (place === -1) return rows;
  const { rows: types } = await pool.query<{ id: string; key: string }>(
    "SELECT id, key FROM notification_types WHERE id = ANY($1::uuid[])",
    [[...new Set(rows.flatMap(({ key }) => key[place] ?? []))]],
  );
  const names = new Map(types.map(({ id, key }) => [id, key]));
  return rows.map((row) => ({
    ...row,
    key: row.key.with(place, names.get(row.key[place] ?? "") ?? null),
  }));
}

const keyOf = (by: readonly Dimension[], key: Series["key"]) =>
  Object.fromEntries(
    by.map((dimension, place) => {
      const value = key[place] ?? null;
      return [
        dimension,
        dimension === "campaign" && value !== null ? publicId("campaign", value) : value,
      ];
    }),
  );
