import { queryOptions } from "@tanstack/react-query";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

export const queuesQuery = queryOptions({
  queryKey: ["queues", "reason", "priority"],
  queryFn: ({ signal }) =>
    answerOf(api.v1.queues.$get({ query: { by: "reason,priority" } }, { init: { signal } })),
  refetchInterval: 30_000,
});
