import { z } from "zod";
import { actionForms } from "./action.ts";
import { attachments } from "./attachment.ts";
import { bcc, cc, findCopyFaults } from "./copies.ts";
import { inlineContent } from "./inline-content.ts";
import { instant } from "./time/instant.ts";
import { resourceKey } from "./key.ts";
import { typeKey } from "./policy/notification-type.ts";
import { route } from "./policy/route.ts";
import { priorities } from "./priority.ts";
import { type InlineRecipient, inlineRecipient } from "./recipient.ts";
import { nameText, text } from "./text.ts";

/** The key by which callers name a template; it is part of a URL. */
export const templateKey = resourceKey.meta({ example: "order-shipped" });

export const templateVersionNumber = z
  .int("must be a whole number")
  .min(1, "must be at least 1")
  .max(2_147_483_647, "must be at most 2147483647");

/** A version of a template; the active version where `version` is left out. */
export const templateReference = z.strictObject({
  key: templateKey,
  version: templateVersionNumber.optional(),
});

export type TemplateReference = z.output<typeof templateReference>;

/** The values of a template's variables, in addition to the recipient; checked against the variables of the template version. */
export const notificationData = z
  .looseObject({})
  .default({})
  .meta({ description: "The values of the template's variables", example: { order: "A-17" } });

const maxNotificationRecipients = 1_000;

/** The actions that a message offers to its recipient. */
export const notificationActions = z
  .array(
    actionForms({
      label: nameText(60)
        .optional()
        .meta({ description: "The text of the link", example: "Remind me later" }),
    }),
  )
  .max(4, "must have at most 4 actions")
  .meta({ description: "The actions that the message offers to its recipient, each as a link" });

export type NotificationAction = z.output<typeof notificationActions>[number];

/** The route that a notification or campaign asks for. */
export const requestedRoute = route.nullable().meta({
  description:
    "The channels of the message, in stages; null if a routing rule, the notification type or the policy chooses the route",
  example: { stages: [{ via: ["push", "email"] }] },
});

const notificationParts = z.strictObject({
  recipients: z
    .array(z.union([text(200), inlineRecipient]))
    .min(1, "must name at least one recipient")
    .max(
      maxNotificationRecipients,
      `must name at most ${maxNotificationRecipients} recipients: send more with a campaign`,
    )
    .meta({
      description:
        "The recipients: each by external id or by the id that Tidings assigned, or as an object that also creates or changes the recipient. An object has `externalId`, which creates a recipient that does not exist, or `id`; its other fields are those of PATCH /v1/recipients/{recipient}",
      example: ["customer-17", { externalId: "customer-42", email: "ada@example.org" }],
    }),
  template: templateReference
    .optional()
    .meta({ description: "The template of the message; left out where there is `content`" }),
  content: inlineContent.optional(),
  data: notificationData,
  type: typeKey.optional().meta({
    description: "The notification type; a notification without one is never batched or digested",
    example: "task.deadline",
  }),
  priority: z
    .enum(priorities)
    .optional()
    .meta({ description: "Defaults to the priority of the notification type, or to `normal`" }),
  route: requestedRoute.optional(),
  sendAt: instant
    .optional()
    .meta({ description: "The earliest time of sending; at once where it is left out or past" }),
  occursAt: instant.optional().meta({
    description:
      "The time of the event that the message announces, such as a deadline; defaults to `sendAt`",
    example: "2027-03-01T17:00:00Z",
  }),
  expiresAt: instant.optional().meta({
    description: "From this time on the message is of no use and is suppressed",
    example: "2027-03-01T17:00:00Z",
  }),
  entityId: text(200).optional().meta({
    description: "Your own id of the subject of the message; events of its actions contain it",
    example: "task-17",
  }),
  dedupKey: text(200).optional().meta({
    description:
      "A recipient receives only one message with this key within the policy's deduplication window",
    example: "task-17-due",
  }),
  collapseKey: text(200).optional().meta({
    description:
      "Of the messages of a type with the same key, only the newest is sent: a waiting message is suppressed once a newer one waits or was sent",
    example: "task-17",
  }),
  batchable: z.literal(false).optional().meta({
    description: "`false` sends the message by itself, even if its type may be batched",
    example: false,
  }),
  bypassRateLimit: z.literal(true).optional().meta({
    description:
      "Exempts the message from limits. Only keys of the role admin may set it, and each use is audited",
    example: true,
  }),
  actions: notificationActions.default([]),
  attachments: attachments.optional(),
  cc: cc.optional(),
  bcc: bcc.optional(),
});

export const newNotification = notificationParts.superRefine(
  ({ template, content, recipients, cc: shown, bcc: hidden }, context) => {
    for (const fault of findCopyFaults({ cc: shown, bcc: hidden }, recipients.length))
      context.addIssue({ code: "custom", ...fault });
    if ((template === undefined) === (content === undefined))
      context.addIssue({
        code: "custom",
        path: [content === undefined ? "template" : "content"],
        message:
          content === undefined
            ? "is required, unless there is `content`"
            : "cannot be combined with `template`: remove one of them",
      });
    const seen = new Set<string>();
    for (const [index, recipient] of recipients.entries()) {
      if (typeof recipient === "string") continue;
      const reference = referenceOf(recipient);
      if (seen.has(reference))
        context.addIssue({
          code: "custom",
          path: ["recipients", index],
          message: "is the same as an earlier recipient with fields: send the fields once",
        });
      seen.add(reference);
    }
  },
);

/** Returns the id by which a notification names one of its recipients. */
export const referenceOf = (recipient: string | InlineRecipient): string =>
  typeof recipient === "string"
    ? recipient
    : "id" in recipient
      ? recipient.id
      : recipient.externalId;

export type NewNotification = z.output<typeof newNotification>;
