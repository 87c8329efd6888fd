import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { omitUndefined } from "../shell/url.ts";
import type { AuditSearch } from "./search.ts";

export type AuditEntry = AnswerOf<typeof api.v1.audit.$get>["items"][number];

/** The parameters of `GET /v1/audit`. */
export const toAuditQuery = ({
  action,
  actor,
  resource,
  request,
  from,
  before,
  cursor,
}: AuditSearch) =>
  omitUndefined({
    action,
    actor,
    resource,
    requestId: request,
    createdFrom: from,
    createdBefore: before,
    cursor,
  });

/** A page of the audit trail, the newest entries first. */
export function auditQuery(search: AuditSearch) {
  const query = { limit: "50", ...toAuditQuery(search) };
  return queryOptions({
    queryKey: ["audit", query],
    queryFn: ({ signal }) => answerOf(api.v1.audit.$get({ query }, { init: { signal } })),
  });
}
