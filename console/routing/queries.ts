import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

export type Rule = AnswerOf<(typeof api.v1)["routing-rules"]["$get"]>["items"][number];
export type RuleVersion = AnswerOf<
  (typeof api.v1)["routing-rules"][":key"]["versions"][":version"]["$get"]
>;
export type Preview = AnswerOf<(typeof api.v1)["routing-rules"]["preview"]["$post"]>;

/** All rules in their order: there are no more than one page has. */
export const rulesQuery = queryOptions({
  queryKey: ["routing-rules"],
  queryFn: ({ signal }) =>
    answerOf(api.v1["routing-rules"].$get({ query: { limit: "200" } }, { init: { signal } })),
});

export const ruleQuery = (key: string) =>
  queryOptions({
    queryKey: ["routing-rules", key],
    queryFn: ({ signal }) =>
      answerOf(api.v1["routing-rules"][":key"].$get({ param: { key } }, { init: { signal } })),
  });

export const versionsQuery = (key: string) =>
  queryOptions({
    queryKey: ["routing-rules", key, "versions"],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1["routing-rules"][":key"].versions.$get(
          { param: { key }, query: { limit: "50" } },
          { init: { signal } },
        ),
      ),
  });

export const versionQuery = (key: string, version: number) =>
  queryOptions({
    queryKey: ["routing-rules", key, "versions", version],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1["routing-rules"][":key"].versions[":version"].$get(
          { param: { key, version: String(version) } },
          { init: { signal } },
        ),
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });
