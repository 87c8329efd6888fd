import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { type NotificationSearch, toNotificationQuery } from "./search.ts";

export type ListedNotification = AnswerOf<typeof api.v1.notifications.$get>["items"][number];
export type Notification = AnswerOf<(typeof api.v1.notifications)[":id"]["$get"]>;

/** How many rows a page of the notifications has. Each row has counts, so that a page has fewer than one of deliveries. */
const notificationsPerPage = 50;

export const notificationsQuery = (search: NotificationSearch) =>
  queryOptions({
    queryKey: ["notifications", toNotificationQuery(search)],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.notifications.$get(
          { query: { ...toNotificationQuery(search), limit: String(notificationsPerPage) } },
          { init: { signal } },
        ),
      ),
  });

export const notificationQuery = (id: string) =>
  queryOptions({
    queryKey: ["notification", id],
    queryFn: ({ signal }) =>
      answerOf(api.v1.notifications[":id"].$get({ param: { id } }, { init: { signal } })),
  });
