import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

export type Alert = AnswerOf<typeof api.v1.alerts.$get>["items"][number];

/** The newest alerts, open and closed. */
export const alertsQuery = queryOptions({
  queryKey: ["alerts"],
  queryFn: async ({ signal }) =>
    (await answerOf(api.v1.alerts.$get({ query: { limit: "20" } }, { init: { signal } }))).items,
  // A fault of the database reaches no stream.
  refetchInterval: 30_000,
});

export const acknowledge = (id: string) =>
  answerOf(api.v1.alerts[":id"].acknowledge.$post({ param: { id } }));
