import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

export type LayoutSummary = AnswerOf<typeof api.v1.layouts.$get>["items"][number];
export type Layout = AnswerOf<(typeof api.v1.layouts)[":key"]["$get"]>;

export const layoutsQuery = (query: {
  q?: string;
  cursor?: string;
  limit?: string;
  sort?: "key";
}) =>
  queryOptions({
    queryKey: ["layouts", query],
    queryFn: ({ signal }) => answerOf(api.v1.layouts.$get({ query }, { init: { signal } })),
  });

/** How often an open layout is read again, to notice versions that others save. */
const noticeMs = 10_000;

export const layoutQuery = (key: string) =>
  queryOptions({
    queryKey: ["layout", key],
    queryFn: ({ signal }) =>
      answerOf(api.v1.layouts[":key"].$get({ param: { key } }, { init: { signal } })),
    refetchInterval: noticeMs,
  });

export const layoutVersionsQuery = (key: string) =>
  queryOptions({
    queryKey: ["layout", key, "versions"],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.layouts[":key"].versions.$get(
          { param: { key }, query: { limit: "100" } },
          { init: { signal } },
        ),
      ),
  });

/** A version never changes, so it is read once. */
export const layoutVersionQuery = (key: string, version: number) =>
  queryOptions({
    queryKey: ["layout-version", key, version],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.layouts[":key"].versions[":version"].$get(
          { param: { key, version: String(version) } },
          { init: { signal } },
        ),
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const layoutUsersQuery = (key: string) =>
  queryOptions({
    queryKey: ["layout", key, "users"],
    queryFn: ({ signal }) =>
      answerOf(api.v1.layouts[":key"].users.$get({ param: { key } }, { init: { signal } })),
  });

/** Creates a layout. Throws `ApiProblem`. */
export const createLayout = (json: { key: string; name: string; html: string }) =>
  answerOf(api.v1.layouts.$post({ header: { "idempotency-key": crypto.randomUUID() }, json }));

/** Changes the HTML of a layout, if it still has this version. Throws `ApiProblem`, with the status 412 if it has another one. */
export const changeLayout = (key: string, html: string, version: number) =>
  answerOf(
    api.v1.layouts[":key"].$patch({
      param: { key },
      header: { "if-match": `"${version}"` },
      json: { html },
    }),
  );
