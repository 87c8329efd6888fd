import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { dayMs } from "../../domain/time/durations.ts";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { type DeliverySearch, type Span, toDeliveryQuery, toStatsQuery } from "./search.ts";

export type Delivery = AnswerOf<typeof api.v1.deliveries.$get>["items"][number];
export type DeliveryDetails = AnswerOf<(typeof api.v1.deliveries)[":id"]["$get"]>;
export type Explanation = AnswerOf<(typeof api.v1.deliveries)[":id"]["explanation"]["$get"]>;

/** How many rows a page of the deliveries has: the page stays below 2,500 elements. */
const deliveriesPerPage = 50;

export const deliveriesQuery = (search: DeliverySearch) =>
  queryOptions({
    queryKey: ["deliveries", toDeliveryQuery(search)],
    queryFn: async ({ signal }) => {
      const query = toDeliveryQuery(search);
      const page = await answerOf(
        api.v1.deliveries.$get(
          { query: { ...query, limit: String(deliveriesPerPage) } },
          { init: { signal } },
        ),
      );
      // While the next page is read, the list still shows this one, and has to know whose it is.
      return { ...page, of: JSON.stringify(query) };
    },
  });

export const deliveryQuery = (id: string) =>
  queryOptions({
    queryKey: ["delivery", id],
    queryFn: ({ signal }) =>
      answerOf(api.v1.deliveries[":id"].$get({ param: { id } }, { init: { signal } })),
  });

export const explanationQuery = (id: string) =>
  queryOptions({
    queryKey: ["explanation", id],
    queryFn: ({ signal }) =>
      answerOf(api.v1.deliveries[":id"].explanation.$get({ param: { id } }, { init: { signal } })),
  });

/** The buckets of the time line. */
const bucketsOf = {
  day: { bucket: "hour", back: dayMs },
  week: { bucket: "hour", back: 7 * dayMs },
  month: { bucket: "hour", back: 30 * dayMs },
  quarter: { bucket: "day", back: 90 * dayMs },
} as const satisfies Record<Span, { bucket: "hour" | "day"; back: number }>;

/** How many deliveries that the filters match were created when; null where the filters cannot be counted by time. */
export const timelineQuery = (search: DeliverySearch, span: Span) =>
  queryOptions({
    queryKey: ["delivery-times", toStatsQuery(search), span],
    queryFn: ({ signal }) => {
      const filters = toStatsQuery(search);
      if (filters === null) return null;
      const { bucket, back } = bucketsOf[span];
      const from = new Date(Date.now() - back).toISOString();
      return answerOf(
        api.v1.stats.deliveries.$get(
          { query: { ...filters, bucket, from, time: "created", stored: "true", by: "status" } },
          { init: { signal } },
        ),
      );
    },
    staleTime: 10_000,
    refetchInterval: 15_000,
  });

/** How many deliveries the filters match, up to a limit. It reads rows, and so is asked for only on demand. */
export const countQuery = (search: DeliverySearch) =>
  queryOptions({
    queryKey: ["delivery-count", toDeliveryQuery({ ...search, cursor: undefined })],
    queryFn: ({ signal }) => {
      const { sort: _, cursor: __, ...query } = toDeliveryQuery(search);
      return answerOf(api.v1.deliveries.count.$get({ query }, { init: { signal } }));
    },
    enabled: false,
  });
