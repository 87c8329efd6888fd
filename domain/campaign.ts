import { z } from "zod";
import { storedAttachments } from "./attachment.ts";
import { audience } from "./audience.ts";
import { presetBurst } from "./delivery/gates.ts";
import { emailIdentity } from "./email-identity.ts";
import { instant } from "./time/instant.ts";
import { typeKey } from "./policy/notification-type.ts";
import { notificationData, requestedRoute, templateReference } from "./notification.ts";
import { priorities } from "./priority.ts";
import { nameText } from "./text.ts";
import { topicKey } from "./topics.ts";
import { tracking, utm } from "./tracking/settings.ts";

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

/** A rate limit over all lanes of a campaign. `burst` defaults to the messages of a tenth of a second. */
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

const campaignTracking = tracking.nullable().meta({
  description:
    "What is tracked of the campaign's emails; null: what its notification type says, and nothing without a type. Recipients can refuse it. Of critical messages, clicks are tracked at most",
  example: { opens: false, clicks: true },
});
const campaignUtm = utm.nullable().meta({
  description:
    'Parameters that are added to the links of the campaign\'s emails that do not have them; null for none. Links of Tidings and those with `data-tracking="off"` stay as they are',
  example: { source: "newsletter", medium: "email", campaign: "spring-sale" },
});

export const newCampaign = z.strictObject({
  name: nameText(200),
  template: templateReference,
  audience,
  data: notificationData,
  type: typeKey.nullable().default(null).meta({
    description:
      "The notification type of the campaign; without one, its messages are never batched or digested",
  }),
  priority: z
    .enum(priorities)
    .optional()
    .meta({ description: "Defaults to the priority of the notification type, or to `normal`" }),
  topic: topicKey.nullable().default(null).meta({
    description:
      "The key of the topic of the campaign: a link to unsubscribe ends the subscription to it, and it is sent to nobody who is not subscribed when it is due. Use `{ where: { topic: key } }` as its audience",
    example: "newsletter",
  }),
  route: requestedRoute.default(null),
  guarantee: z.enum(guarantees).default("at_least_once"),
  throttle: throttle.nullable().default(null),
  email: emailIdentity.default({}).meta({
    description:
      "The sender of the campaign's mails; it takes precedence over the template and the type",
  }),
  attachments: storedAttachments.default([]),
  tracking: campaignTracking.default(null),
  utm: campaignUtm.default(null),
  startAt: instant.optional(),
});

/** An edit of a campaign; a field that is left out keeps its value. */
export const campaignEdit = z
  .strictObject({
    name: newCampaign.shape.name,
    template: newCampaign.shape.template,
    audience,
    // Without the defaults of a new campaign.
    data: notificationData.unwrap(),
    type: typeKey.nullable(),
    topic: topicKey.nullable(),
    priority: z.enum(priorities),
    route: requestedRoute,
    guarantee: z.enum(guarantees),
    throttle: throttle.nullable(),
    email: emailIdentity,
    attachments: storedAttachments,
    tracking: campaignTracking,
    utm: campaignUtm,
    redirects: z.boolean(),
    startAt: instant,
  })
  .partial();

export type CampaignEdit = z.output<typeof campaignEdit>;

/** The actions of callers on a campaign, with the statuses in which each is allowed. Only the worker sets `running` and `completed`. */
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
  /** When the audience was written into the ledger. */
  frozenAt: Date | null;
  finishedAt: Date | null;
  /** When the campaign was recalled. */
  recalledAt: Date | null;
}

export type Transition = { kind: "moved"; state: CampaignState } | { kind: "refused"; why: string };

/**
 * The state of a campaign after `action`, or why the action is refused. A cancelled campaign whose audience is frozen is not finished
 * yet: its workflow first cancels the pending deliveries.
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
      if (state.frozenAt) return refused("it has begun: its audience is frozen");
      return moved({ startAt: request.startAt ?? now });
    case "pause":
      return moved({ status: "paused" });
    case "resume":
      return moved({ status: state.frozenAt ? "running" : "scheduled" });
    case "cancel":
      return moved(cancelled);
    case "recall":
      // A campaign that is over keeps its status.
      return state.status === "completed" || state.status === "cancelled"
        ? moved({ recalledAt: state.recalledAt ?? now })
        : moved({ ...cancelled, recalledAt: now });
  }
}

/**
 * Why a field of a campaign cannot be edited; null if it can. Once the audience is in the ledger, only the message of the pending
 * deliveries and their priority can change. The audience of a correction follows from the campaign that it corrects.
 */
export function editRefusal(
  {
    status,
    frozenAt,
    correction,
  }: Pick<CampaignState, "status" | "frozenAt"> & { correction: boolean },
  field: keyof CampaignEdit,
): string | null {
  // A campaign whose links are abused may be over.
  if (field === "redirects") return null;
  if (status === "completed" || status === "cancelled") return `the campaign is ${status}`;
  switch (field) {
    case "name":
    case "template":
    case "data":
    case "email":
    case "attachments":
    case "priority":
      return null;
    case "audience":
      if (correction)
        return "a correction goes to the recipients that the corrected campaign reached or missed";
      return frozenAt && "the audience is frozen: duplicate the campaign to send to another one";
    case "topic":
      return frozenAt && "the campaign has begun, and deliveries were decided by this topic";
    case "type":
      return frozenAt && "the campaign has begun, and deliveries were decided by this type";
    case "route":
      return frozenAt && "the audience is frozen, and each delivery has its route";
    case "tracking":
    case "utm":
      return frozenAt && "the campaign has begun, and messages may have been sent under it";
    case "guarantee":
      return frozenAt && "the campaign has begun, and messages may have been sent under it";
    case "throttle":
      return frozenAt && "the campaign has begun: change its throttle with PUT, at any time";
    case "startAt":
      return frozenAt && "the campaign has begun";
  }
}
