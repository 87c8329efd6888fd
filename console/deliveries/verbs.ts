import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import type { Priority } from "../../domain/priority.ts";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import type { IconName } from "../parts/icon.tsx";
import { type DeliverySearch, toWhere } from "./search.ts";

/** What a person can do with deliveries. */
export type Verb = "retry" | "send" | "reprioritise" | "cancel";

export const verbs = ["retry", "send", "reprioritise", "cancel"] as const satisfies readonly Verb[];

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
  reprioritise: {
    name: "Change priority",
    on: (deliveries) => `Change the priority of ${deliveries}`,
    past: "given another priority",
    icon: "flag",
    key: "p",
    effect:
      "Waiting deliveries get another priority. Those that a rule holds are decided again at once with it; those that wait for their time keep waiting. Deliveries of a campaign keep the priority of the campaign.",
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

/** The verbs that can change a delivery. One of a campaign has the priority of the campaign. */
export function verbsFor({
  status,
  source,
}: {
  status: DeliveryStatus;
  source: string;
}): readonly Verb[] {
  if (status === "pending")
    return source.startsWith("cmp_") ? ["send", "cancel"] : ["send", "reprioritise", "cancel"];
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
  ofCampaign: "have the priority of their campaign",
  samePriority: "have this priority already",
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

/** What a change needs besides its deliveries. */
export interface VerbOptions {
  /** For `retry`: whether deliveries whose outcome is unknown are retried too. */
  includeUnknown: boolean;
  /** For `reprioritise`: the new priority. */
  priority: Priority;
}

/** Counts the deliveries whose status allows the change. Nothing is changed. */
export async function countMatching(
  verb: Verb,
  selected: Selected,
  options: VerbOptions,
): Promise<number> {
  const answer = await post(verb, { ...bodyOf(selected), dryRun: true }, options);
  return answer.matched ?? 0;
}

/** Changes deliveries. If `nextCursor` is set, it has to be called again with it to change the remaining ones. */
export const changeDeliveries = (
  verb: Verb,
  selected: Selected,
  options: VerbOptions,
  cursor: string | null,
): Promise<Progress> =>
  post(verb, { ...bodyOf(selected), ...(cursor !== null && { cursor }) }, options);

type Body = Parameters<typeof api.v1.deliveries.cancel.$post>[0]["json"];

async function post(
  verb: Verb,
  body: object,
  { includeUnknown, priority }: VerbOptions,
): Promise<Progress & { matched?: number | undefined }> {
  // The schema is a union of ids and filters, which `bodyOf` keeps apart.
  const json = body as Body;
  switch (verb) {
    case "retry":
      return answerOf(api.v1.deliveries.retry.$post({ json: { ...json, includeUnknown } }));
    case "send":
      return answerOf(api.v1.deliveries.send.$post({ json }));
    case "reprioritise":
      return answerOf(api.v1.deliveries.reprioritise.$post({ json: { ...json, priority } }));
    case "cancel":
      return answerOf(api.v1.deliveries.cancel.$post({ json }));
  }
}
