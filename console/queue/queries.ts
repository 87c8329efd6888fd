import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import type { Pivot } from "./search.ts";

export type Queues = AnswerOf<typeof api.v1.queues.$get>;

/** The largest number of groups that are read. */
const mostGroups = 400;

export const queuesBy = (pivot: Pivot) =>
  queryOptions({
    queryKey: ["queues", pivot, "priority"],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.queues.$get(
          { query: { by: `${pivot},priority`, limit: String(mostGroups) } },
          { init: { signal } },
        ),
      ),
    refetchInterval: 30_000,
  });

export const queuesQuery = queuesBy("reason");

export const gatesQuery = queryOptions({
  queryKey: ["gates"],
  queryFn: ({ signal }) => answerOf(api.v1.gates.$get({}, { init: { signal } })),
  refetchInterval: 30_000,
});
