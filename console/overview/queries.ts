import { queryOptions } from "@tanstack/react-query";
import { hourMs } from "../../domain/time/durations.ts";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

const stepsRefreshMs = 5_000;
const isAllDone = (steps: Record<string, boolean> | undefined) =>
  steps !== undefined && Object.values(steps).every(Boolean);

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
  // Steps are done on other screens and by workers. Once all of them are done, they stay done.
  staleTime: ({ state }) => (isAllDone(state.data) ? Number.POSITIVE_INFINITY : 0),
  refetchInterval: ({ state }) => (isAllDone(state.data) ? false : stepsRefreshMs),
});

const statsRefreshMs = 30_000;

/** What ended in the last 24 hours, hour by hour, by status and source. */
export const endedTodayQuery = queryOptions({
  queryKey: ["stats", "ended"],
  queryFn: ({ signal }) =>
    answerOf(
      api.v1.stats.deliveries.$get(
        { query: { bucket: "hour", by: "status,source" } },
        { init: { signal } },
      ),
    ),
  refetchInterval: statsRefreshMs,
});

/** What was created in the last 24 hours, hour by hour. */
export const createdTodayQuery = queryOptions({
  queryKey: ["stats", "created"],
  queryFn: ({ signal }) =>
    answerOf(
      api.v1.stats.deliveries.$get(
        { query: { bucket: "hour", time: "created" } },
        { init: { signal } },
      ),
    ),
  refetchInterval: statsRefreshMs,
});

/** What failed in the last hour, by reason. */
export const failuresQuery = queryOptions({
  queryKey: ["stats", "failures"],
  queryFn: ({ signal }) =>
    answerOf(
      api.v1.stats.deliveries.$get(
        {
          query: {
            bucket: "minute",
            from: new Date(Date.now() - hourMs).toISOString(),
            status: "failed",
            by: "reason",
          },
        },
        { init: { signal } },
      ),
    ),
  refetchInterval: statsRefreshMs,
});

/** The newest changes, which only admins may read. */
export const recentChangesQuery = queryOptions({
  queryKey: ["audit", "recent"],
  queryFn: ({ signal }) =>
    answerOf(api.v1.audit.$get({ query: { limit: "6" } }, { init: { signal } })),
  refetchInterval: statsRefreshMs,
});

/** The API keys, which only admins may read. */
export const keysQuery = queryOptions({
  queryKey: ["api-keys", "first"],
  queryFn: ({ signal }) =>
    answerOf(api.v1["api-keys"].$get({ query: { limit: "200" } }, { init: { signal } })),
  staleTime: 300_000,
});

/** How many digests wait, and when the first is due. */
export const digestsQuery = queryOptions({
  queryKey: ["queues", "digests"],
  queryFn: ({ signal }) =>
    answerOf(
      api.v1.queues.$get({ query: { by: "reason", reason: "digest" } }, { init: { signal } }),
    ),
  refetchInterval: 60_000,
});
