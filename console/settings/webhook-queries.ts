import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf, readBody } from "../api/problem.ts";

const endpoints = api.v1["webhook-endpoints"];

export type WebhookEndpoint = AnswerOf<typeof endpoints.$get>["items"][number];
export type EndpointWithSecret = AnswerOf<typeof endpoints.$post>;
export type WebhookAttempt = AnswerOf<
  (typeof endpoints)[":id"]["attempts"]["$get"]
>["items"][number];
export type NewEndpoint = Parameters<typeof endpoints.$post>[0]["json"];
export type EndpointChange = Parameters<(typeof endpoints)[":id"]["$patch"]>[0]["json"];
export type Replay = Parameters<(typeof endpoints)[":id"]["replay"]["$post"]>[0]["json"];

/** How often what is sent in the background is read again, in milliseconds. */
const refreshMs = 5_000;

export const endpointsQuery = (query: { cursor?: string }) =>
  queryOptions({
    queryKey: ["webhook-endpoints", query],
    queryFn: ({ signal }) =>
      answerOf(endpoints.$get({ query: { ...query, limit: "50" } }, { init: { signal } })),
    refetchInterval: refreshMs,
  });

export const endpointQuery = (id: string) =>
  queryOptions({
    queryKey: ["webhook-endpoints", id],
    queryFn: ({ signal }) =>
      answerOf(endpoints[":id"].$get({ param: { id } }, { init: { signal } })),
    refetchInterval: refreshMs,
  });

export const attemptsQuery = (id: string, query: { cursor?: string; outcome?: string }) =>
  queryOptions({
    queryKey: ["webhook-endpoints", id, "attempts", query],
    queryFn: ({ signal }) =>
      answerOf(
        endpoints[":id"].attempts.$get(
          { param: { id }, query: { ...query, limit: "25" } },
          { init: { signal } },
        ),
      ),
    refetchInterval: refreshMs,
  });

export const createEndpoint = (json: NewEndpoint) => answerOf(endpoints.$post({ json }));

export const changeEndpoint = (id: string, json: EndpointChange) =>
  answerOf(endpoints[":id"].$patch({ param: { id }, json }));

export const rotateSecret = (id: string) =>
  answerOf(endpoints[":id"].rotate.$post({ param: { id } }));

export const sendTest = (id: string) => answerOf(endpoints[":id"].test.$post({ param: { id } }));

export const replayEvents = (id: string, json: Replay) =>
  answerOf(endpoints[":id"].replay.$post({ param: { id }, json }));

export const deleteEndpoint = async (id: string) =>
  void (await readBody(await endpoints[":id"].$delete({ param: { id } })));
