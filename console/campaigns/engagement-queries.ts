import { queryOptions } from "@tanstack/react-query";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

const one = api.v1.campaigns[":id"];

const refreshMs = 30_000;

/** What became of the messages of a campaign, from the beginning of the month in which its audience was frozen until now. */
export const engagementQuery = (id: string, frozenAt: string) =>
  queryOptions({
    queryKey: ["campaign", id, "engagement"],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.analytics.overview.$get(
          // Few intervals, because only their sum is shown.
          { query: { campaign: id, from: frozenAt, interval: "month" } },
          { init: { signal } },
        ),
      ),
    refetchInterval: refreshMs,
  });

/** Who followed which link of a campaign. */
export const linksQuery = (id: string) =>
  queryOptions({
    queryKey: ["campaign", id, "links"],
    queryFn: ({ signal }) => answerOf(one.links.$get({ param: { id } }, { init: { signal } })),
    refetchInterval: refreshMs,
  });

/** Switches the tracked links of a campaign off, or on again. Nothing else of the campaign changes, whatever its version is. */
export const switchRedirects = (id: string, redirects: boolean) =>
  answerOf(
    one.$patch({
      param: { id },
      json: { redirects },
      query: { dryRun: "false" },
      header: { "if-match": "*" },
    }),
  );
