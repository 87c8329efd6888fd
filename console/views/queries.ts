import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf, readBody } from "../api/problem.ts";

export type SavedView = AnswerOf<typeof api.v1.views.$get>["items"][number];

/** The views that the person has saved, and those that others share. */
export const viewsQuery = queryOptions({
  queryKey: ["views"],
  queryFn: async ({ signal }) =>
    (await answerOf(api.v1.views.$get({}, { init: { signal } }))).items,
  staleTime: 60_000,
});

export const saveView = (json: { name: string; path: string; isShared: boolean }) =>
  answerOf(api.v1.views.$post({ json, header: { "idempotency-key": crypto.randomUUID() } }));

export const deleteView = async (id: string) =>
  void (await readBody(await api.v1.views[":id"].$delete({ param: { id } })));
