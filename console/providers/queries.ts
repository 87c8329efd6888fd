import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

export type Provider = AnswerOf<typeof api.v1.providers.$get>["items"][number];
export type Gate = NonNullable<Provider["gate"]>;

/** A name as a part of a path: names of push services have a slash, which the client leaves as it is. */
export const inPath = encodeURIComponent;

export const providersQuery = queryOptions({
  queryKey: ["providers"],
  queryFn: ({ signal }) => answerOf(api.v1.providers.$get({}, { init: { signal } })),
});

export const providerQuery = (name: string) =>
  queryOptions({
    queryKey: ["providers", name],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.providers[":name"].$get({ param: { name: inPath(name) } }, { init: { signal } }),
      ),
  });

export const gatesQuery = queryOptions({
  queryKey: ["providers", "gates"],
  queryFn: ({ signal }) => answerOf(api.v1.gates.$get({}, { init: { signal } })),
});

/** What waits on each channel. */
export const waitingByChannelQuery = queryOptions({
  queryKey: ["queues", "channel"],
  queryFn: ({ signal }) =>
    answerOf(api.v1.queues.$get({ query: { by: "channel" } }, { init: { signal } })),
});
