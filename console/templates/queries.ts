import { queryOptions } from "@tanstack/react-query";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

export const templatesQuery = (query: { archived?: "true" | "false"; limit?: string }) =>
  queryOptions({
    queryKey: ["templates", query],
    queryFn: ({ signal }) => answerOf(api.v1.templates.$get({ query }, { init: { signal } })),
  });
