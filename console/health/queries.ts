import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

export type Health = AnswerOf<typeof api.v1.health.$get>;
export type IndicatorName = keyof Health["indicators"];
export type Indicator = Health["indicators"][IndicatorName];

export const healthQuery = queryOptions({
  queryKey: ["health"],
  queryFn: ({ signal }) => answerOf(api.v1.health.$get({}, { init: { signal } })),
  refetchInterval: 30_000,
});

/** Whether the process that answers reaches what it needs. It fails if the database does not accept writes. */
export const readinessQuery = queryOptions({
  queryKey: ["health", "ready"],
  queryFn: ({ signal }) => answerOf(api.readyz.$get({}, { init: { signal } })),
  refetchInterval: 30_000,
});

export type Process = AnswerOf<typeof api.v1.processes.$get>["items"][number];

export const processesQuery = queryOptions({
  queryKey: ["health", "processes"],
  queryFn: async ({ signal }) =>
    (await answerOf(api.v1.processes.$get({}, { init: { signal } }))).items,
  refetchInterval: 10_000,
});
