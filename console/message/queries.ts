import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

export type Message = AnswerOf<(typeof api.v1.deliveries)[":id"]["message"]["$get"]>;

export const messageQuery = (id: string) =>
  queryOptions({
    queryKey: ["message", id],
    queryFn: ({ signal }) =>
      answerOf(api.v1.deliveries[":id"].message.$get({ param: { id } }, { init: { signal } })),
    staleTime: 30_000,
  });
