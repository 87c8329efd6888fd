import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import type { SubscriptionStatus } from "../../domain/consent.ts";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { omitUndefined } from "../shell/url.ts";

const one = api.v1.topics[":key"];
const subscriber = one.subscribers[":recipient"];

export type Topic = AnswerOf<typeof api.v1.topics.$get>["items"][number];
export type Subscriber = AnswerOf<typeof one.subscribers.$get>["items"][number];
export type TopicBody = Parameters<typeof api.v1.topics.$post>[0]["json"];
export type TopicPatch = Parameters<typeof one.$patch>[0]["json"];

const perPage = "50";

export const topicsQuery = (wanted: {
  q?: string | undefined;
  archived?: "true" | "false" | undefined;
  cursor?: string | undefined;
}) =>
  queryOptions({
    queryKey: ["topics", wanted],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.topics.$get(
          { query: { ...omitUndefined({ ...wanted }), limit: perPage } },
          { init: { signal } },
        ),
      ),
  });

/** The topics that a campaign or a condition can name. */
export const openTopicsQuery = queryOptions({
  queryKey: ["topics", "open"],
  queryFn: async ({ signal }) =>
    (
      await answerOf(
        api.v1.topics.$get(
          { query: { archived: "false", sort: "name", limit: "200" } },
          { init: { signal } },
        ),
      )
    ).items,
});

/** The topic, and the ETag without which it cannot be changed. */
export const topicQuery = (key: string) =>
  queryOptions({
    queryKey: ["topics", "one", key],
    queryFn: async ({ signal }) => {
      const response = await one.$get({ param: { key } }, { init: { signal } });
      const etag = response.headers.get("etag") ?? "";
      return { ...(await answerOf(Promise.resolve(response))), etag };
    },
  });

export const subscribersQuery = (
  key: string,
  wanted: { status?: SubscriptionStatus | undefined; cursor?: string | undefined },
) =>
  queryOptions({
    queryKey: ["topics", "subscribers", key, wanted],
    queryFn: ({ signal }) =>
      answerOf(
        one.subscribers.$get(
          { param: { key }, query: { ...omitUndefined({ ...wanted }), limit: perPage } },
          { init: { signal } },
        ),
      ),
  });

export const subscriptionQuery = (key: string, recipient: string) =>
  queryOptions({
    queryKey: ["topics", "subscription", key, recipient],
    queryFn: ({ signal }) =>
      answerOf(subscriber.$get({ param: { key, recipient } }, { init: { signal } })),
  });

/** Creates a topic. Throws `ApiProblem`, as all changes here do. */
export const createTopic = (json: TopicBody) =>
  answerOf(api.v1.topics.$post({ header: { "idempotency-key": crypto.randomUUID() }, json }));

export const changeTopic = (key: string, etag: string, json: TopicPatch) =>
  answerOf(one.$patch({ param: { key }, header: { "if-match": etag }, json }));

export const addSubscriber = (key: string, recipient: string) =>
  answerOf(subscriber.$put({ param: { key, recipient }, json: { source: "Console" } }));

export const removeSubscriber = (key: string, recipient: string) =>
  answerOf(subscriber.$delete({ param: { key, recipient } }));
