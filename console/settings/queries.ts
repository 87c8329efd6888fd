import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf, readBody } from "../api/problem.ts";

export type ApiKey = AnswerOf<(typeof api.v1)["api-keys"]["$get"]>["items"][number];
export type ListedSession = AnswerOf<typeof api.v1.sessions.$get>["items"][number];
export type Operator = AnswerOf<typeof api.v1.operators.$get>["items"][number];
export type KeyWithSecret = AnswerOf<(typeof api.v1)["api-keys"]["$post"]>;
export type NewKey = Parameters<(typeof api.v1)["api-keys"]["$post"]>[0]["json"];

export const keysQuery = (query: { state?: "active"; cursor?: string }) =>
  queryOptions({
    queryKey: ["api-keys", query],
    queryFn: ({ signal }) =>
      answerOf(api.v1["api-keys"].$get({ query: { ...query, limit: "50" } }, { init: { signal } })),
  });

export const sessionsQuery = (query: { cursor?: string }) =>
  queryOptions({
    queryKey: ["sessions", query],
    queryFn: ({ signal }) =>
      answerOf(api.v1.sessions.$get({ query: { ...query, limit: "50" } }, { init: { signal } })),
  });

export const operatorsQuery = (query: { cursor?: string; state?: "signed-in" | "signed-out" }) =>
  queryOptions({
    queryKey: ["operators", query],
    queryFn: ({ signal }) =>
      answerOf(api.v1.operators.$get({ query: { ...query, limit: "50" } }, { init: { signal } })),
  });

export const createKey = (json: NewKey) => answerOf(api.v1["api-keys"].$post({ json }));

export const rotateKey = (id: string, overlapSeconds: number) =>
  answerOf(api.v1["api-keys"][":id"].rotate.$post({ param: { id }, json: { overlapSeconds } }));

/** @param key the same for every repeat of one click, so that it takes effect once */
export const revokeKey = (id: string, key: string) =>
  answerOf(
    api.v1["api-keys"][":id"].revoke.$post({ param: { id }, header: { "idempotency-key": key } }),
  );

export const endSession = async (id: string) =>
  void (await readBody(await api.v1.sessions[":id"].$delete({ param: { id } })));

export const endSessionsOf = async (operator: string) =>
  void (await readBody(
    await api.v1.operators[":id"].sessions.$delete({ param: { id: operator } }),
  ));
