import { z } from "zod";
import { emailIdentity } from "../email-identity.ts";
import { channels } from "../channel.ts";
import { resourceKey } from "../key.ts";
import { recipientLimits } from "./limits.ts";
import { mergePatch, mergePatchOf } from "../merge-patch.ts";
import { typePreferences } from "./preferences.ts";
import { publicTexts } from "./public-texts.ts";
import { route } from "./route.ts";
import { priorities } from "../priority.ts";
import { nameText, text } from "../text.ts";
import { noTracking, tracking } from "../tracking/settings.ts";
import { webUrl } from "../web-url.ts";

/** The key by which callers name a type. It is part of URLs. */
export const typeKey = resourceKey.meta({ example: "task.deadline" });

const seconds = "must be from 1 to 31536000 seconds";
const minutes = "must be from 1 to 1440 minutes";
const outageSeconds = "must be from 10 to 86400 seconds";

/** The bounds of `failoverAfterSeconds`. */
export const failoverBounds = { least: 10, most: 86_400 };

const actionLabel = nameText(60).optional();
const summaryActionLabels = z.strictObject({
  view: actionLabel,
  snooze: actionLabel,
  complete: actionLabel,
});

const parts = {
  name: nameText(200).meta({ example: "Task deadlines" }),
  public: publicTexts.meta({
    description: "How recipients see the type, in the preference centre and where they unsubscribe",
    example: { name: "Deadlines", locales: { de: { name: "Fristen" } } },
  }),
  priority: z.enum(priorities).meta({
    description: "The priority of messages whose request does not set one",
    example: "normal",
  }),
  channels: z
    .array(z.enum(channels))
    .min(1, "must allow at least one channel")
    .refine((allowed) => new Set(allowed).size === allowed.length, "must name each channel once")
    .meta({
      description: "The channels on which messages of this type may be sent",
      example: ["email", "push"],
    }),
  route: route.nullable().meta({
    description:
      "The route of messages of this type, unless their request or a routing rule chooses one; null for that of the policy. Channels that the type does not allow are passed over",
    example: { stages: [{ via: ["push", "email"] }] },
  }),
  failoverAfterSeconds: z
    .union([
      z
        .int("must be a whole number of seconds from 10 to 86400, or by_priority")
        .min(failoverBounds.least, outageSeconds)
        .max(failoverBounds.most, outageSeconds),
      z.literal("by_priority"),
    ])
    .nullable()
    .meta({
      description:
        "How many seconds a channel may be out of service before messages of this type go on on the next channel of their stage. `by_priority`: 60 for critical messages, 300 for those of high priority, and never for others. Null: never, in a change of the type too",
      example: 120,
    }),
  batchable: z
    .boolean()
    .meta({ description: "Whether messages of this type may be sent together in one message" }),
  digestable: z
    .boolean()
    .meta({ description: "Whether messages of this type may wait for a recipient's digest" }),
  mandatory: z.boolean().meta({
    description:
      "Whether recipients cannot switch this type off. Quiet hours and limits still apply",
    example: false,
  }),
  timeToLiveSeconds: z
    .int("must be a whole number of seconds from 1 to 31536000")
    .min(1, seconds)
    .max(31_536_000, seconds)
    .nullable()
    .meta({
      description: "The number of seconds after which a message expires; null if it never does",
      example: 86_400,
    }),
  collapseKey: text(200).nullable().meta({
    description:
      "Of the messages to a recipient with this key, only the newest is sent: a waiting message is suppressed when a newer one waits or was sent. A request may override it",
    example: null,
  }),
  spreadMinutes: z
    .int("must be a whole number of minutes from 1 to 1440")
    .min(1, minutes)
    .max(1_440, minutes)
    .nullable()
    .meta({
      description:
        "The maximum number of minutes between the event times (`occursAt`) of the members of a batch; null for no limit",
      example: 5,
    }),
  summaryTitle: text(200).nullable().meta({
    description:
      "The title of a batch's message. `{count}` stands for the number of its members; null for a title made from the type's name",
    example: "{count} task deadlines approaching",
  }),
  viewAllUrl: webUrl.max(1_000, "must have at most 1000 characters").nullable().meta({
    description:
      "The address of a page that shows all members of a batch. `{entityIds}` stands for their `entityId` values, separated by commas; null for no link",
    example: "https://tasks.example.org/tasks?ids={entityIds}",
    format: "uri-template",
  }),
  summaryIcon: webUrl.max(1_000, "must have at most 1000 characters").nullable().meta({
    description:
      "The address of the picture beside a batch's push notification; null for none. A template of your own uses it as `{{ type.summaryIcon }}`",
    example: "https://tasks.example.org/icons/batch.png",
  }),
  summaryActionLabels: summaryActionLabels.meta({
    description:
      "The labels of the actions that a batch's message offers for all its members. Those left out are `View all`, `Snooze all` and `Mark all as done`, in the recipient's language (English, German, French or Spanish)",
    example: { view: "View all tasks" },
  }),
  summaryTemplate: resourceKey.nullable().meta({
    description: "Key of the template for batches; null for the one that comes with Tidings",
    example: null,
  }),
  email: emailIdentity.meta({
    description: "The sender of emails of this type, unless the campaign or the template sets one",
    example: { fromName: "Example tasks", replyTo: "tasks@example.org" },
  }),
  tracking: tracking.meta({
    description:
      "What is tracked of emails of this type, unless their campaign says otherwise. Recipients can refuse it. Of mandatory types and critical messages, clicks are tracked at most",
    example: { opens: false, clicks: true },
  }),
  redirects: z.boolean().meta({
    description:
      "Whether the tracked links of messages of this type lead on, also those in messages that were sent before. False switches them off within a second, which is for links that are abused. Campaigns have a switch of their own",
    example: true,
  }),
  limits: recipientLimits.partial().meta({
    description:
      "The maximum number of messages of this type to one recipient within any minute, hour and day and in a burst",
    example: { perDay: 20 },
  }),
  preferences: typePreferences.meta({
    description: "The preferences that apply to this type where a recipient has set none",
    example: { batching: { windowMinutes: 60 } },
  }),
};

/** A type's definition with all its parts. */
export const wholeTypeDefinition = z.strictObject(parts);

/** A type's definition as a caller gives it: the parts left out take these defaults. */
export const typeDefinition = z.strictObject({
  ...parts,
  public: parts.public.default({}),
  priority: parts.priority.default("normal"),
  channels: parts.channels.default([...channels]),
  route: parts.route.default(null),
  failoverAfterSeconds: parts.failoverAfterSeconds.default("by_priority"),
  batchable: parts.batchable.default(false),
  digestable: parts.digestable.default(false),
  mandatory: parts.mandatory.default(false),
  timeToLiveSeconds: parts.timeToLiveSeconds.default(null),
  collapseKey: parts.collapseKey.default(null),
  spreadMinutes: parts.spreadMinutes.default(null),
  summaryTitle: parts.summaryTitle.default(null),
  viewAllUrl: parts.viewAllUrl.default(null),
  summaryIcon: parts.summaryIcon.default(null),
  summaryActionLabels: parts.summaryActionLabels.default({}),
  summaryTemplate: parts.summaryTemplate.default(null),
  email: parts.email.default({}),
  tracking: parts.tracking.default(noTracking),
  redirects: parts.redirects.default(true),
  limits: parts.limits.default({}),
  preferences: parts.preferences.default({}),
});

/** A change of a type, for `patchType`. */
export const typePatch = mergePatchOf(wholeTypeDefinition);

/**
 * Applies a merge patch to the definition of a type, without checking the result. A null resets a part to its default, except that messages
 * of a type whose `failoverAfterSeconds` is null never leave their channel because of an outage.
 */
export function patchType(before: TypeDefinition, patch: unknown): unknown {
  const patched = mergePatch(before, patch) as Record<string, unknown>;
  const isNull = (patch as Partial<TypeDefinition>).failoverAfterSeconds === null;
  return isNull ? { ...patched, failoverAfterSeconds: null } : patched;
}

export type TypeDefinition = z.output<typeof typeDefinition>;

/** One version of a type, as decisions use it. */
export interface NotificationType extends TypeDefinition {
  /** The UUID. */
  id: string;
  key: string;
  /** The number by which grant logs refer to the type; never 0. */
  number: number;
  version: number;
}
