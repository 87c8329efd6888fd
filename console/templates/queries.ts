import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

export type TemplateSummary = AnswerOf<typeof api.v1.templates.$get>["items"][number];
export type Template = AnswerOf<(typeof api.v1.templates)[":key"]["$get"]>;
export type Version = Template["activeVersion"];

export const templatesQuery = (query: {
  archived?: "true" | "false";
  q?: string;
  cursor?: string;
  limit?: string;
}) =>
  queryOptions({
    queryKey: ["templates", query],
    queryFn: ({ signal }) => answerOf(api.v1.templates.$get({ query }, { init: { signal } })),
  });

/** How often an open template is read again, to notice versions that others save. */
const noticeMs = 10_000;

export const templateQuery = (key: string) =>
  queryOptions({
    queryKey: ["template", key],
    queryFn: ({ signal }) =>
      answerOf(api.v1.templates[":key"].$get({ param: { key } }, { init: { signal } })),
    refetchInterval: noticeMs,
  });

export const versionsQuery = (key: string) =>
  queryOptions({
    queryKey: ["template", key, "versions"],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.templates[":key"].versions.$get(
          { param: { key }, query: { limit: "100" } },
          { init: { signal } },
        ),
      ),
  });

/** A version never changes, so it is read once. */
export const versionQuery = (key: string, version: number) =>
  queryOptions({
    queryKey: ["template-version", key, version],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.templates[":key"].versions[":version"].$get(
          { param: { key, version: String(version) } },
          { init: { signal } },
        ),
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const recipientQuery = (id: string) =>
  queryOptions({
    queryKey: ["recipient", id],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.recipients[":recipient"].$get({ param: { recipient: id } }, { init: { signal } }),
      ),
  });
