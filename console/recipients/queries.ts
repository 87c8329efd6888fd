import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { dayMs } from "../../domain/time/durations.ts";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { omitUndefined } from "../shell/url.ts";

const one = api.v1.recipients[":recipient"];

export type Recipient = AnswerOf<typeof api.v1.recipients.$get>["items"][number];
export type Timeline = AnswerOf<typeof one.timeline.$get>;
export type TimelineRange = NonNullable<Timeline["range"]>;
export type Preferences = AnswerOf<typeof one.preferences.$get>;
export type Preview = AnswerOf<typeof api.v1.decisions.preview.$post>;
export type RecipientTopic = AnswerOf<typeof one.topics.$get>["items"][number];
export type Device = AnswerOf<typeof one.addresses.$get>["items"][number];

const perPage = 50;
/** How many days the timeline shows, the present one included, and how many past ones on demand. */
export const shownDays = 7;
export const pastDays = 14;

interface ListQuery {
  q?: string | undefined;
  segment?: string | undefined;
  cursor?: string | undefined;
}

export const recipientsQuery = (wanted: ListQuery) =>
  queryOptions({
    queryKey: ["recipients", wanted],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.recipients.$get(
          { query: { ...omitUndefined({ ...wanted }), limit: String(perPage) } },
          { init: { signal } },
        ),
      ),
  });

export const segmentsQuery = queryOptions({
  queryKey: ["segments"],
  queryFn: ({ signal }) =>
    answerOf(api.v1.segments.$get({ query: { limit: "200" } }, { init: { signal } })),
});

export const segmentCountQuery = (key: string | undefined) =>
  queryOptions({
    queryKey: ["segments", key, "count"],
    enabled: key !== undefined,
    queryFn: ({ signal }) =>
      answerOf(api.v1.segments[":key"].count.$get({ param: { key: key! } }, { init: { signal } })),
  });

/** The recipient, and the ETag without which they cannot be changed. */
export const recipientQuery = (recipient: string) =>
  queryOptions({
    queryKey: ["recipient", recipient],
    queryFn: async ({ signal }) => {
      const response = await one.$get({ param: { recipient } }, { init: { signal } });
      const etag = response.headers.get("etag") ?? "";
      return { ...(await answerOf(Promise.resolve(response))), etag };
    },
  });

export const timelineQuery = (recipient: string, withPast: boolean) =>
  queryOptions({
    queryKey: ["timeline", recipient, withPast],
    queryFn: ({ signal }) => {
      const now = Date.now();
      const from = new Date(now - (withPast ? pastDays * dayMs : 0)).toISOString();
      const until = new Date(now + (shownDays - 1) * dayMs).toISOString();
      return answerOf(
        one.timeline.$get({ param: { recipient }, query: { from, until } }, { init: { signal } }),
      );
    },
    refetchInterval: 60_000,
  });

export const preferencesQuery = (recipient: string, type?: string) =>
  queryOptions({
    queryKey: ["preferences", recipient, type],
    queryFn: ({ signal }) =>
      answerOf(
        one.preferences.$get(
          { param: { recipient }, query: omitUndefined({ type }) },
          { init: { signal } },
        ),
      ),
  });

export const preferenceVersionsQuery = (recipient: string) =>
  queryOptions({
    queryKey: ["preferences", recipient, "versions"],
    queryFn: ({ signal }) =>
      answerOf(
        one.preferences.versions.$get(
          { param: { recipient }, query: { limit: "50" } },
          { init: { signal } },
        ),
      ),
  });

/** The preferences of a version. Version 0 is that of a recipient who has stated none. */
export const preferenceVersionQuery = (recipient: string, version: number) =>
  queryOptions({
    queryKey: ["preferences", recipient, "versions", version],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }): Promise<Record<string, unknown>> => {
      if (version === 0) return {};
      const param = { recipient, version: String(version) };
      const found = await answerOf(
        one.preferences.versions[":version"].$get({ param } as never, { init: { signal } }),
      );
      return found.preferences;
    },
  });

export const policyQuery = queryOptions({
  queryKey: ["policy"],
  queryFn: ({ signal }) => answerOf(api.v1.policy.$get({}, { init: { signal } })),
});

export const typeQuery = (key: string | undefined) =>
  queryOptions({
    queryKey: ["notification-types", key],
    enabled: key !== undefined,
    queryFn: ({ signal }) =>
      answerOf(
        api.v1["notification-types"][":key"].$get({ param: { key: key! } }, { init: { signal } }),
      ),
  });

/** What changes subscriptions makes all queries of topics out of date. */
export const topicsOfRecipientQuery = (recipient: string) =>
  queryOptions({
    queryKey: ["topics", "of", recipient],
    queryFn: ({ signal }) =>
      answerOf(one.topics.$get({ param: { recipient } }, { init: { signal } })),
  });

export const addressesQuery = (recipient: string) =>
  queryOptions({
    queryKey: ["addresses", recipient],
    queryFn: ({ signal }) =>
      answerOf(one.addresses.$get({ param: { recipient } }, { init: { signal } })),
  });

export const eventsQuery = (recipient: string, cursor: string | undefined) =>
  queryOptions({
    queryKey: ["events", recipient, cursor],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.events.$get(
          { query: { recipient, limit: String(perPage), ...omitUndefined({ cursor }) } },
          { init: { signal } },
        ),
      ),
  });
