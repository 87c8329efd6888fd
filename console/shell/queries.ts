import { queryOptions } from "@tanstack/react-query";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

/** Campaigns whose name contains the text; none for an empty one. */
export const searchQuery = (text: string) =>
  queryOptions({
    queryKey: ["campaigns", "search", text],
    enabled: text.length >= 2,
    queryFn: async ({ signal }) => {
      const { items } = await answerOf(
        api.v1.campaigns.$get({ query: { q: text, limit: "5" } }, { init: { signal } }),
      );
      return { campaigns: items };
    },
  });
