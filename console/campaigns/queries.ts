import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

export type Campaign = AnswerOf<(typeof api.v1.campaigns)[":id"]["$get"]>;

export const campaignsQuery = (query: {
  status?: string;
  q?: string;
  cursor?: string;
  limit?: string;
}) =>
  queryOptions({
    queryKey: ["campaigns", query],
    queryFn: ({ signal }) => answerOf(api.v1.campaigns.$get({ query }, { init: { signal } })),
  });

export const campaignQuery = (id: string) =>
  queryOptions({
    queryKey: ["campaign", id],
    queryFn: ({ signal }) =>
      answerOf(api.v1.campaigns[":id"].$get({ param: { id } }, { init: { signal } })),
  });

export const progressQuery = (id: string) =>
  queryOptions({
    queryKey: ["progress", id],
    queryFn: ({ signal }) =>
      answerOf(api.v1.campaigns[":id"].progress.$get({ param: { id } }, { init: { signal } })),
  });
