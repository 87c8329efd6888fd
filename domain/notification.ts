import { z } from "zod";
import { actionForms } from "./action.ts";
import { instant } from "./time/instant.ts";
import { resourceKey } from "./key.ts";
import { typeKey } from "./policy/notification-type.ts";
import { priorities } from "./priority.ts";
import { nameText, text } from "./text.ts";

/** Names a template among its callers; part of a URL. */
export const templateKey = resourceKey.meta({ example: "order-shipped" });

export const templateVersionNumber = z
  .int("must be a whole number")
  .min(1, "must be at least 1")
  .max(2_147_483_647, "must be at most 2147483647");

/** A version of a template; the active one where none is named. */
export const templateReference = z.strictObject({
  key: templateKey,
  version: templateVersionNumber.optional(),
});

export type TemplateReference = z.output<typeof templateReference>;

/** What templates are filled with, beside the recipient; checked against the template version's variables. */
export const notificationData = z
  .looseObject({})
  .default({})
  .meta({ description: "What the template is filled with", example: { order: "A-17" } });

const maxNotificationRecipients = 1_000;

/** What its recipients may do about a notification, from its message. */
export const notificationActions = z
  .array(
    actionForms({
      label: nameText(60)
        .optional()
        .meta({ description: "What the link says", example: "Remind me later" }),
    }),
  )
  .max(4, "must have at most 4 actions")
  .meta({ description: "What recipients may do about it, each a link in the message" });

export type NotificationAction = z.output<typeof notificationActions>[number];

export const newNotification = z.strictObject({
  recipients: z
    .array(text(200))
    .min(1, "must name at least one recipient")
    .max(
      maxNotificationRecipients,
      `must name at most ${maxNotificationRecipients} recipients: send more with a campaign`,
    )
    .meta({
      description: "External ids, or ids that Tidings gave",
      example: ["customer-17", "customer-42"],
    }),
  template: templateReference,
  data: notificationData,
  type: typeKey.optional().meta({
    description: "The notification type that it is of; without one it is never batched or digested",
    example: "task.deadline",
  }),
  priority: z
    .enum(priorities)
    .optional()
    .meta({ description: "That of its type where it is left out, else `normal`" }),
  sendAt: instant
    .optional()
    .meta({ description: "Not before; at once where it is left out or past" }),
  occursAt: instant.optional().meta({
    description: "The time that it is about, such as a deadline; `sendAt` where it is left out",
    example: "2027-03-01T17:00:00Z",
  }),
  expiresAt: instant
    .optional()
    .meta({ description: "Pointless from then on", example: "2027-03-01T17:00:00Z" }),
  entityId: text(200)
    .optional()
    .meta({ description: "What it is about, in your words: actions carry it", example: "task-17" }),
  dedupKey: text(200).optional().meta({
    description: "A recipient is told once within the policy's window, whatever asks for it again",
    example: "task-17-due",
  }),
  collapseKey: text(200).optional().meta({
    description:
      "Only the newest message of its type with it goes out: one that waits is suppressed when a newer one waits, or was sent",
    example: "task-17",
  }),
  batchable: z
    .literal(false)
    .optional()
    .meta({ description: "It goes out by itself, though its type may be batched", example: false }),
  bypassRateLimit: z.literal(true).optional().meta({
    description: "No limit holds it. With a key of the role admin only; each use is audited",
    example: true,
  }),
  actions: notificationActions.default([]),
});

export type NewNotification = z.output<typeof newNotification>;
