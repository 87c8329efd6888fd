import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

export type Found = AnswerOf<typeof api.v1.search.$get>["items"][number];

/** Everything whose name contains the text; nothing for a text of less than two characters. */
export const searchQuery = (text: string) =>
  queryOptions({
    queryKey: ["search", text],
    enabled: text.length >= 2 && text.length <= 100,
    queryFn: async ({ signal }) =>
      (await answerOf(api.v1.search.$get({ query: { q: text } }, { init: { signal } }))).items,
  });
