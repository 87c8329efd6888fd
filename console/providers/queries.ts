import { queryOptions } from "@tanstack/react-query";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

export const providersQuery = queryOptions({
  queryKey: ["providers"],
  queryFn: ({ signal }) => answerOf(api.v1.providers.$get({}, { init: { signal } })),
});
