import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

export type Health = AnswerOf<typeof api.v1.health.$get>;

export const healthQuery = queryOptions({
  queryKey: ["health"],
  queryFn: ({ signal }) => answerOf(api.v1.health.$get({}, { init: { signal } })),
  refetchInterval: 30_000,
});
