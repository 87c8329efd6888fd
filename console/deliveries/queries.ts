import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { type DeliverySearch, toDeliveryQuery } from "./search.ts";

export type Delivery = AnswerOf<typeof api.v1.deliveries.$get>["items"][number];
export type DeliveryDetails = AnswerOf<(typeof api.v1.deliveries)[":id"]["$get"]>;
export type Explanation = AnswerOf<(typeof api.v1.deliveries)[":id"]["explanation"]["$get"]>;

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
