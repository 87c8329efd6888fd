import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import type { DeliverySearch } from "../deliveries/search.ts";
import { toDeliveryQuery } from "../deliveries/search.ts";
import { api } from "./client.ts";
import { answerOf } from "./problem.ts";

// What the console reads, each with the key under which it is kept. live.ts names the first part of a key.

export type Delivery = AnswerOf<typeof api.v1.deliveries.$get>["items"][number];
export type DeliveryDetails = AnswerOf<(typeof api.v1.deliveries)[":id"]["$get"]>;
export type Explanation = AnswerOf<(typeof api.v1.deliveries)[":id"]["explanation"]["$get"]>;
export type Campaign = AnswerOf<typeof api.v1.campaigns.$get>["items"][number];
export type Health = AnswerOf<typeof api.v1.health.$get>;

/** How many rows a page of the deliveries has. */
const deliveriesPerPage = 100;

export const deliveriesQuery = (search: DeliverySearch) =>
  queryOptions({
    queryKey: ["deliveries", toDeliveryQuery(search)],
    queryFn: async ({ signal }) => {
      const query = toDeliveryQuery(search);
      const page = await answerOf(
        api.v1.deliveries.$get(
          { query: { ...query, limit: String(deliveriesPerPage) } },
          { init: { signal } },
        ),
      );
      // While the next page is read, the list still shows this one, and has to know whose it is.
      return { ...page, of: JSON.stringify(query) };
    },
  });

export const deliveryQuery = (id: string) =>
  queryOptions({
    queryKey: ["delivery", id],
    queryFn: ({ signal }) =>
      answerOf(api.v1.deliveries[":id"].$get({ param: { id } }, { init: { signal } })),
  });

export const explanationQuery = (id: string) =>
  queryOptions({
    queryKey: ["explanation", id],
    queryFn: ({ signal }) =>
      answerOf(api.v1.deliveries[":id"].explanation.$get({ param: { id } }, { init: { signal } })),
  });

export const healthQuery = queryOptions({
  queryKey: ["health"],
  queryFn: ({ signal }) => answerOf(api.v1.health.$get({}, { init: { signal } })),
  refetchInterval: 30_000,
});

export const providersQuery = queryOptions({
  queryKey: ["providers"],
  queryFn: ({ signal }) => answerOf(api.v1.providers.$get({}, { init: { signal } })),
});

export const queuesQuery = queryOptions({
  queryKey: ["queues", "reason", "priority"],
  queryFn: ({ signal }) =>
    answerOf(api.v1.queues.$get({ query: { by: "reason,priority" } }, { init: { signal } })),
  refetchInterval: 30_000,
});

export const campaignsQuery = (query: {
  status?: string;
  q?: string;
  cursor?: string;
  limit?: string;
}) =>
  queryOptions({
    queryKey: ["campaigns", query],
    queryFn: ({ signal }) => answerOf(api.v1.campaigns.$get({ query }, { init: { signal } })),
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

export const templatesQuery = (query: { archived?: "true" | "false"; limit?: string }) =>
  queryOptions({
    queryKey: ["templates", query],
    queryFn: ({ signal }) => answerOf(api.v1.templates.$get({ query }, { init: { signal } })),
  });

/** Whether there is any recipient, template, type, sent delivery and campaign yet. */
export const firstStepsQuery = queryOptions({
  queryKey: ["first-steps"],
  queryFn: async ({ signal }) => {
    const one = { query: { limit: "1" } };
    const options = { init: { signal } };
    const [recipients, templates, types, sent, campaigns] = await Promise.all([
      answerOf(api.v1.recipients.$get(one, options)),
      answerOf(api.v1.templates.$get(one, options)),
      answerOf(api.v1["notification-types"].$get(one, options)),
      answerOf(
        api.v1.deliveries.$get({ query: { limit: "1", status: "sent,delivered" } }, options),
      ),
      answerOf(api.v1.campaigns.$get(one, options)),
    ]);
    const has = ({ items }: { items: readonly unknown[] }) => items.length > 0;
    return {
      recipients: has(recipients),
      templates: has(templates),
      types: has(types),
      sent: has(sent),
      campaigns: has(campaigns),
    };
  },
  staleTime: 30_000,
});

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
