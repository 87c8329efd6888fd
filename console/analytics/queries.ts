import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { type AnalyticsSearch, type Dimension, filtersOf, timeOf } from "./search.ts";

export type Overview = AnswerOf<typeof api.v1.analytics.overview.$get>;
export type Figures = Overview["total"];
export type Rate = Figures["rates"]["openRate"];
export type RateName = keyof Figures["rates"];
export type Item = AnswerOf<typeof api.v1.analytics.channels.$get>["items"][number];
export type Hour = AnswerOf<(typeof api.v1.analytics)["send-times"]["$get"]>["hours"][number];
export type Cohort = AnswerOf<typeof api.v1.analytics.cohorts.$get>["cohorts"][number];

const refreshMs = 30_000;

/** What is read again from time to time; until then the numbers of other filters stay, dimmed. */
const shared = { refetchInterval: refreshMs, placeholderData: keepPreviousData } as const;

/** The parameters of a report. */
export function reportQuery(search: AnalyticsSearch, zone: string) {
  const { from, to } = timeOf(search, zone, Date.now());
  return {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    zone,
    ...filtersOf(search),
  };
}

/** The part of a search on which the numbers depend. */
const keyOf = ({ range, from, to, channel, type, source, provider }: AnalyticsSearch) => ({
  range,
  from,
  to,
  channel,
  type,
  source,
  provider,
});

export const overviewQuery = (search: AnalyticsSearch, zone: string) =>
  queryOptions({
    queryKey: ["analytics", "overview", keyOf(search), zone],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.analytics.overview.$get({ query: reportQuery(search, zone) }, { init: { signal } }),
      ),
    ...shared,
  });

export const breakdownQuery = (by: Dimension, search: AnalyticsSearch, zone: string) =>
  queryOptions({
    queryKey: ["analytics", by, keyOf(search), zone],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.analytics[by].$get({ query: reportQuery(search, zone) }, { init: { signal } }),
      ),
    ...shared,
  });

export const funnelQuery = (search: AnalyticsSearch, zone: string) =>
  queryOptions({
    queryKey: ["analytics", "funnel", keyOf(search), zone],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.analytics.funnel.$get({ query: reportQuery(search, zone) }, { init: { signal } }),
      ),
    ...shared,
  });

/** The parameters of a report of whole weeks. */
function weeksQuery(search: AnalyticsSearch, zone: string) {
  const { from, to, channel } = reportQuery(search, zone);
  return { from, to, ...(channel !== undefined && { channel }) };
}

export const sendTimesQuery = (search: AnalyticsSearch, zone: string) =>
  queryOptions({
    queryKey: ["analytics", "send-times", keyOf(search), zone],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.analytics["send-times"].$get(
          { query: weeksQuery(search, zone) },
          { init: { signal } },
        ),
      ),
    ...shared,
  });

export const cohortsQuery = (search: AnalyticsSearch, zone: string) =>
  queryOptions({
    queryKey: ["analytics", "cohorts", keyOf(search), zone],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.analytics.cohorts.$get({ query: weeksQuery(search, zone) }, { init: { signal } }),
      ),
    ...shared,
  });

export const segmentsQuery = queryOptions({
  queryKey: ["analytics", "segments"],
  queryFn: ({ signal }) => answerOf(api.v1.analytics.segments.$get({}, { init: { signal } })),
  refetchInterval: refreshMs,
});
