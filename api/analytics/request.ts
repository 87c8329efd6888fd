import { z } from "@hono/zod-openapi";
import { reportIntervals, type ReportSpan, spanOf } from "../../domain/analytics-time.ts";
import { channels } from "../../domain/channel.ts";
import { timeZone } from "../../domain/recipient.ts";
import { text } from "../../domain/text.ts";
import { dayMs } from "../../domain/time/durations.ts";
import { instant } from "../../domain/time/instant.ts";
import { idOf, typeParameter } from "../deliveries/filters.ts";
import { oneOrMore } from "../http/pages.ts";
import { invalid } from "../http/problem.ts";

const maxIntervals = 800;
const presetSpanMs = 30 * dayMs;
/** A report of at most so long a time has intervals of an hour, unless the caller names others. */
const hoursUpToMs = 2 * dayMs;

const boundary = (description: string, example: string) =>
  instant
    .meta({ type: "string", format: "date-time", example })
    .optional()
    .openapi({ description });

/** The time of a report. */
export const timeQuery = {
  from: boundary(
    "The beginning of the time, rounded down to an interval. By default 30 days before `to`",
    "2027-03-01T00:00:00Z",
  ),
  to: boundary(
    "The end of the time, rounded up to an interval. By default now",
    "2027-03-08T00:00:00Z",
  ),
};

/** The parameters of every report over time. */
export const reportQuery = {
  ...timeQuery,
  zone: timeZone.default("UTC").openapi({
    description:
      "The IANA time zone of the intervals. Reports of more than some weeks are fastest in UTC and in `REPORT_ZONE`",
    example: "Europe/Berlin",
  }),
  interval: z
    .enum(reportIntervals)
    .optional()
    .openapi({
      description: `The length of an interval by the clocks of \`zone\`; weeks begin on Monday. By default an hour for at most two days, else a day. A report and the period before it have at most ${maxIntervals} intervals each`,
    }),
  campaign: idOf("campaign"),
  type: typeParameter.optional(),
  channel: oneOrMore(channels).optional(),
  provider: text(100).optional().openapi({
    description: "The provider that the last attempt used",
    example: "smtp",
  }),
};

type TimeRequest = Partial<Record<"from" | "to", Date | undefined>> & {
  zone: string;
  interval?: (typeof reportIntervals)[number] | undefined;
};

/** The time that a caller asks for, with its defaults. */
export function timeOf(
  { from, to }: Pick<TimeRequest, "from" | "to">,
  now: Date,
): { from: Date; to: Date } {
  const end = to ?? now;
  const begin = from ?? new Date(end.getTime() - presetSpanMs);
  if (begin >= end) throw invalid([{ in: "query", field: "from", message: "must be before `to`" }]);
  return { from: begin, to: end };
}

/** The intervals of a request. Times far in the future or the past are refused with too many intervals, or are empty. */
export function spanOfRequest(
  request: TimeRequest,
  now: Date,
): { span: ReportSpan; interval: (typeof reportIntervals)[number] } {
  const { from, to } = timeOf(request, now);
  const interval =
    request.interval ?? (to.getTime() - from.getTime() <= hoursUpToMs ? "hour" : "day");
  const span = spanOf(
    { interval, zone: request.zone, from: from.getTime(), until: to.getTime() },
    maxIntervals,
  );
  if (span === null)
    throw invalid([
      {
        in: "query",
        field: "from",
        message: `must be later, or the interval longer: a report has at most ${maxIntervals} intervals`,
      },
    ]);
  return { span, interval };
}
