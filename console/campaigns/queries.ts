import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

export type Campaign = AnswerOf<(typeof api.v1.campaigns)[":id"]["$get"]>;
export type Progress = AnswerOf<(typeof api.v1.campaigns)[":id"]["progress"]["$get"]>;
export type Revision = AnswerOf<
  (typeof api.v1.campaigns)[":id"]["revisions"]["$get"]
>["items"][number];
export type Recall = AnswerOf<(typeof api.v1.campaigns)[":id"]["recall"]["$get"]>;

export const campaignsQuery = (query: {
  status?: string;
  q?: string;
  type?: string;
  template?: string;
  corrects?: string;
  cursor?: string;
  limit?: string;
}) =>
  queryOptions({
    queryKey: ["campaigns", query],
    queryFn: ({ signal }) => answerOf(api.v1.campaigns.$get({ query }, { init: { signal } })),
  });

/** The keys of the notification types, to filter by. */
export const typeKeysQuery = queryOptions({
  queryKey: ["notification-types", "keys"],
  queryFn: async ({ signal }) => {
    const { items } = await answerOf(
      api.v1["notification-types"].$get({ query: { limit: "200" } }, { init: { signal } }),
    );
    return items.map(({ key }) => key);
  },
  staleTime: 60_000,
});

export const campaignQuery = (id: string) =>
  queryOptions({
    queryKey: ["campaign", id],
    queryFn: ({ signal }) =>
      answerOf(api.v1.campaigns[":id"].$get({ param: { id } }, { init: { signal } })),
  });

export const progressQuery = (id: string) =>
  queryOptions({
    queryKey: ["progress", id],
    queryFn: ({ signal }) =>
      answerOf(api.v1.campaigns[":id"].progress.$get({ param: { id } }, { init: { signal } })),
  });

/** What waits of a campaign, by reason. */
export const waitingQuery = (id: string) =>
  queryOptions({
    queryKey: ["queues", "campaign", id],
    queryFn: ({ signal }) =>
      answerOf(api.v1.queues.$get({ query: { by: "reason", campaign: id } }, { init: { signal } })),
  });

/** The proof that a campaign adds up. It reads every delivery of the campaign, so it is read only on request. */
export const reconciliationQuery = (id: string) =>
  queryOptions({
    queryKey: ["reconciliation", id],
    queryFn: async ({ signal }) => ({
      ...(await answerOf(
        api.v1.campaigns[":id"].reconciliation.$get({ param: { id } }, { init: { signal } }),
      )),
      at: new Date().toISOString(),
    }),
    enabled: false,
    refetchOnWindowFocus: false,
  });

export const revisionsQuery = (id: string) =>
  queryOptions({
    queryKey: ["campaign", id, "revisions"],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.campaigns[":id"].revisions.$get(
          { param: { id }, query: { limit: "200" } },
          { init: { signal } },
        ),
      ),
  });

/** How often the account of a recall is read until it is final. */
const recallPollMs = 2_000;

export const recallQuery = (id: string) =>
  queryOptions({
    queryKey: ["progress", id, "recall"],
    queryFn: ({ signal }) =>
      answerOf(api.v1.campaigns[":id"].recall.$get({ param: { id } }, { init: { signal } })),
    refetchInterval: ({ state }) => (state.data?.final === false ? recallPollMs : false),
  });

export const campaignAuditQuery = (id: string, cursor: string | undefined) =>
  queryOptions({
    queryKey: ["campaign", id, "audit", cursor],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.audit.$get(
          { query: { resource: id, limit: "50", ...(cursor !== undefined && { cursor }) } },
          { init: { signal } },
        ),
      ),
  });
