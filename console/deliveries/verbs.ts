import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import type { IconName } from "../parts/icon.tsx";
import { type DeliverySearch, toWhere } from "./search.ts";

/** What a person can do with deliveries. */
export type Verb = "retry" | "send" | "cancel";

export const verbs = ["retry", "send", "cancel"] as const satisfies readonly Verb[];

export const verbWords: Record<
  Verb,
  {
    name: string;
    /** The whole action, as the text of its button. */
    on: (deliveries: string) => string;
    past: string;
    icon: IconName;
    key: string;
    effect: string;
  }
> = {
  retry: {
    name: "Retry",
    on: (deliveries) => `Retry ${deliveries}`,
    past: "will be retried",
    icon: "retry",
    key: "r",
    effect:
      "Failed deliveries are due again at once and get new attempts. A completed campaign runs again for them.",
  },
  send: {
    name: "Send now",
    on: (deliveries) => `Send ${deliveries} now`,
    past: "will be sent now",
    icon: "send",
    key: "s",
    effect:
      "Overrides what waiting deliveries wait for: their time, quiet hours, a digest, a batch, a limit. A delivery is still not sent if its address is suppressed, or its type or channel is switched off.",
  },
  cancel: {
    name: "Cancel",
    on: (deliveries) => `Cancel ${deliveries}`,
    past: "cancelled",
    icon: "stop",
    key: "c",
    effect:
      "Waiting deliveries are not sent. This cannot be undone. A message that is being handed over is still sent.",
  },
};

/** The verbs that can change a delivery of a status. */
export function verbsFor(status: DeliveryStatus): readonly Verb[] {
  if (status === "pending") return ["send", "cancel"];
  return status === "failed" || status === "unknown" ? ["retry"] : [];
}

/** The words for the reasons for which the API leaves a delivery unchanged. */
export const skipWords: Record<string, string> = {
  notFound: "no longer exist",
  notPending: "do not wait",
  notFailed: "have not failed",
  sending: "are being handed over",
  noSuchVersion: "have no such template version",
  campaignCancelled: "belong to a cancelled campaign",
  campaignNotRunning: "belong to a campaign that does not run",
  recipientErased: "belong to an erased recipient",
};

export interface Progress {
  changed: number;
  skipped: Record<string, number>;
  nextCursor: string | null;
}

/** What a change selects: ids, or filters as they were at an instant. */
export type Selected = { ids: string[] } | { where: DeliverySearch; countedAt: string };

const bodyOf = (selected: Selected) =>
  "ids" in selected
    ? { ids: selected.ids }
    : { where: toWhere(selected.where, selected.countedAt) };

/** Counts the deliveries whose status allows the change. Nothing is changed. */
export async function countMatching(
  verb: Verb,
  selected: Selected,
  includeUnknown: boolean,
): Promise<number> {
  const answer = await post(verb, { ...bodyOf(selected), dryRun: true }, includeUnknown);
  return answer.matched ?? 0;
}

/** Changes deliveries. If `nextCursor` is set, it has to be called again with it to change the remaining ones. */
export const changeDeliveries = (
  verb: Verb,
  selected: Selected,
  includeUnknown: boolean,
  cursor: string | null,
): Promise<Progress> =>
  post(verb, { ...bodyOf(selected), ...(cursor !== null && { cursor }) }, includeUnknown);

type Body = Parameters<typeof api.v1.deliveries.cancel.$post>[0]["json"];

async function post(
  verb: Verb,
  body: object,
  includeUnknown: boolean,
): Promise<Progress & { matched?: number | undefined }> {
  // The schema is a union of ids and filters, which `bodyOf` keeps apart.
  const json = body as Body;
  switch (verb) {
    case "retry":
      return answerOf(api.v1.deliveries.retry.$post({ json: { ...json, includeUnknown } }));
    case "send":
      return answerOf(api.v1.deliveries.send.$post({ json }));
    case "cancel":
      return answerOf(api.v1.deliveries.cancel.$post({ json }));
  }
}
