import { z } from "zod";
import { audience } from "./audience.ts";
import { presetBurst } from "./delivery/gates.ts";
import { emailIdentity } from "./email-identity.ts";
import { instant } from "./time/instant.ts";
import { typeKey } from "./policy/notification-type.ts";
import { notificationData, templateReference } from "./notification.ts";
import { priorities } from "./priority.ts";
import { nameText } from "./text.ts";

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

/** A rate over all lanes of a campaign. `burst` is a tenth of a second's worth where it is left out. */
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
    burst: burst ?? presetBurst(perSecond),
  }));

export const newCampaign = z.strictObject({
  name: nameText(200),
  template: templateReference,
  audience,
  data: notificationData,
  type: typeKey.nullable().default(null).meta({
    description: "The notification type that it is of; without one it is never batched or digested",
  }),
  priority: z
    .enum(priorities)
    .optional()
    .meta({ description: "That of its type where it is left out, else `normal`" }),
  guarantee: z.enum(guarantees).default("at_least_once"),
  throttle: throttle.nullable().default(null),
  email: emailIdentity
    .default({})
    .meta({ description: "Whom its mails are from, before its template and its type" }),
  startAt: instant.optional(),
});

/** What may be changed of a campaign; a field that is left out stays as it is. */
export const campaignEdit = z
  .strictObject({
    name: newCampaign.shape.name,
    template: newCampaign.shape.template,
    audience,
    // Without the defaults of a new campaign.
    data: notificationData.unwrap(),
    type: typeKey.nullable(),
    priority: z.enum(priorities),
    guarantee: z.enum(guarantees),
    throttle: throttle.nullable(),
    email: emailIdentity,
    startAt: instant,
  })
  .partial();

export type CampaignEdit = z.output<typeof campaignEdit>;

/** What a caller may do to a campaign, and in which states. The worker alone moves on to `running` and `completed`. */
const allowedFrom = {
  start: ["draft", "scheduled"],
  schedule: ["draft"],
  reschedule: ["scheduled", "paused"],
  pause: ["scheduled", "running"],
  resume: ["paused"],
  cancel: ["draft", "scheduled", "running", "paused"],
  recall: ["scheduled", "running", "paused", "completed", "cancelled"],
} as const satisfies Record<string, readonly CampaignStatus[]>;

export type CampaignAction = keyof typeof allowedFrom;

export interface CampaignState {
  status: CampaignStatus;
  startAt: Date | null;
  /** When its audience was written into the ledger. */
  frozenAt: Date | null;
  finishedAt: Date | null;
  /** When its message was taken back. */
  recalledAt: Date | null;
}

export type Transition = { kind: "moved"; state: CampaignState } | { kind: "refused"; why: string };

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
  const cancelled = {
    status: "cancelled",
    finishedAt: state.frozenAt ? state.finishedAt : now,
  } as const;
  const allowed: readonly CampaignStatus[] = allowedFrom[action];
  const refused = (why: string): Transition => ({ kind: "refused", why });
  if (!allowed.includes(state.status))
    return refused(`it is ${state.status}, and ${action} needs ${allowed.join(" or ")}`);
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
      return moved(cancelled);
    case "recall":
      // What is over stays what it was.
      return state.status === "completed" || state.status === "cancelled"
        ? moved({ recalledAt: state.recalledAt ?? now })
        : moved({ ...cancelled, recalledAt: now });
  }
}

/**
 * Why a field of a campaign cannot be edited; null if it can. Once its audience is in the ledger, what is pending still
 * takes another message, and nothing else. A correction's audience is what it is for.
 */
export function editRefusal(
  {
    status,
    frozenAt,
    correction,
  }: Pick<CampaignState, "status" | "frozenAt"> & { correction: boolean },
  field: keyof CampaignEdit,
): string | null {
  if (status === "completed" || status === "cancelled") return `the campaign is ${status}`;
  switch (field) {
    case "name":
    case "template":
    case "data":
    case "email":
    case "priority":
      return null;
    case "audience":
      if (correction) return "a correction goes to whom what it corrects reached, or missed";
      return frozenAt && "its audience is frozen: duplicate it for another one";
    case "type":
      return frozenAt && "it has begun, and what waits was decided about as of its type";
    case "guarantee":
      return frozenAt && "it has begun, and messages may have been handed over under it";
    case "throttle":
      return frozenAt && "it has begun: PUT its throttle, which may be done at any time";
    case "startAt":
      return frozenAt && "it has begun";
  }
}
