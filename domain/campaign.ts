import { z } from "zod";
import { audience } from "./audience.ts";
import { instant } from "./instant.ts";
import { notificationData, templateReference } from "./notification.ts";
import { priorities } from "./priority.ts";
import { text } from "./storable.ts";

export const campaignStatuses = [
  "draft",
  "scheduled",
  "running",
  "paused",
  "completed",
  "cancelled",
] as const;
export type CampaignStatus = (typeof campaignStatuses)[number];

export const guarantees = ["at_least_once", "at_most_once"] as const;

/** A token bucket over all lanes of a campaign. `burst` is one second's worth where it is left out. */
export const throttle = z
  .strictObject({
    perSecond: z.number().min(0.01, "must be at least 0.01").max(100_000, "must be at most 100000"),
    burst: z
      .int("must be a whole number")
      .min(1, "must be at least 1")
      .max(100_000, "must be at most 100000")
      .optional(),
  })
  .transform(({ perSecond, burst }) => ({
    perSecond,
    burst: burst ?? Math.max(1, Math.ceil(perSecond)),
  }));

export const newCampaign = z.strictObject({
  name: text(200),
  template: templateReference,
  audience,
  data: notificationData,
  priority: z.enum(priorities).default("normal"),
  guarantee: z.enum(guarantees).default("at_least_once"),
  throttle: throttle.nullable().default(null),
  startAt: instant.optional(),
});

/** What a caller may do to a campaign, and in which states. The worker alone moves on to `running` and `completed`. */
const allowedFrom = {
  start: ["draft", "scheduled"],
  schedule: ["draft"],
  reschedule: ["scheduled", "paused"],
  pause: ["scheduled", "running"],
  resume: ["paused"],
  cancel: ["draft", "scheduled", "running", "paused"],
} as const satisfies Record<string, readonly CampaignStatus[]>;

export type CampaignAction = keyof typeof allowedFrom;

export interface CampaignState {
  status: CampaignStatus;
  startAt: Date | null;
  /** When its audience was written into the ledger. */
  frozenAt: Date | null;
  finishedAt: Date | null;
}

export type Transition =
  | { kind: "moved"; state: CampaignState }
  | { kind: "refused"; allowedFrom: readonly CampaignStatus[]; why: string };

/**
 * What becomes of a campaign when a caller asks for `action`. A cancelled one whose audience is frozen is not finished
 * yet: its workflow first cancels what is pending.
 */
export function applyAction(
  state: CampaignState,
  request: { action: CampaignAction; startAt?: Date },
  now: Date,
): Transition {
  const { action } = request;
  const allowed: readonly CampaignStatus[] = allowedFrom[action];
  const refused = (why: string): Transition => ({ kind: "refused", allowedFrom: allowed, why });
  if (!allowed.includes(state.status))
    return refused(`a campaign that is ${state.status} cannot be changed by ${action}`);
  const moved = (changes: Partial<CampaignState>): Transition => ({
    kind: "moved",
    state: { ...state, ...changes },
  });
  switch (action) {
    case "start":
      return moved({ status: "scheduled", startAt: now });
    case "schedule":
      return moved({ status: "scheduled", startAt: request.startAt ?? now });
    case "reschedule":
      if (state.frozenAt) return refused("its audience is frozen: it has begun");
      return moved({ startAt: request.startAt ?? now });
    case "pause":
      return moved({ status: "paused" });
    case "resume":
      return moved({ status: state.frozenAt ? "running" : "scheduled" });
    case "cancel":
      return moved({ status: "cancelled", finishedAt: state.frozenAt ? state.finishedAt : now });
  }
}

/** A campaign's throttle is the gate of this name; `campaignId` is the public id. */
export const campaignGate = (campaignId: string) => `campaign/${campaignId}`;
