import { z } from "zod";
import { emailIdentity } from "../email-identity.ts";
import { channels } from "../channel.ts";
import { resourceKey } from "../key.ts";
import { recipientLimits } from "./limits.ts";
import { mergePatchOf } from "../merge-patch.ts";
import { typePreferences } from "./preferences.ts";
import { priorities } from "../priority.ts";
import { nameText, text } from "../text.ts";
import { webUrl } from "../web-url.ts";

/** Names a type among its callers; part of a URL. */
export const typeKey = resourceKey.meta({ example: "task.deadline" });

const seconds = "must be from 1 to 31536000 seconds";
const minutes = "must be from 1 to 1440 minutes";

const parts = {
  name: nameText(200).meta({ example: "Task deadlines" }),
  priority: z.enum(priorities).meta({
    description: "Of messages that bring none of their own",
    example: "normal",
  }),
  channels: z
    .array(z.enum(channels))
    .min(1, "must allow at least one channel")
    .refine((allowed) => new Set(allowed).size === allowed.length, "must name each channel once")
    .meta({ description: "Channels that it may go out on", example: ["email", "push"] }),
  batchable: z
    .boolean()
    .meta({ description: "It may go out with others of its kind in one message" }),
  digestable: z.boolean().meta({ description: "It may wait for a recipient's digest" }),
  mandatory: z.boolean().meta({
    description: "It cannot be switched off; it waits like any other",
    example: false,
  }),
  timeToLiveSeconds: z
    .int("must be a whole number of seconds from 1 to 31536000")
    .min(1, seconds)
    .max(31_536_000, seconds)
    .nullable()
    .meta({ description: "It is pointless after so long; null: never", example: 86_400 }),
  collapseKey: text(200).nullable().meta({
    description:
      "Only the newest message with it goes out: one that waits is suppressed when a newer one waits, or was sent; a message may bring its own",
    example: null,
  }),
  spreadMinutes: z
    .int("must be a whole number of minutes from 1 to 1440")
    .min(1, minutes)
    .max(1_440, minutes)
    .nullable()
    .meta({
      description: "Members of a batch are about times no further apart; null: however far",
      example: 5,
    }),
  summaryTitle: text(200).nullable().meta({
    description:
      "What a message of several is called, `{count}` in the place of their number; null: a title made from the type's name",
    example: "{count} task deadlines approaching",
  }),
  viewAllUrl: webUrl.max(1_000, "must have at most 1000 characters").nullable().meta({
    description:
      "Where all of several can be seen at once, `{entityIds}` in the place of the ids of what they are about, with commas between them; null: nowhere",
    example: "https://tasks.example.org/tasks?ids={entityIds}",
    format: "uri-template",
  }),
  summaryTemplate: resourceKey.nullable().meta({
    description:
      "Key of the template that a batch goes out with; null: one that comes with Tidings",
    example: null,
  }),
  email: emailIdentity.meta({
    description: "Whom its mails are from, where neither the campaign nor the template says",
    example: { fromName: "Example tasks", replyTo: "tasks@example.org" },
  }),
  limits: recipientLimits.partial().meta({
    description: "Messages of this type to one recipient, within any minute, hour and day",
    example: { perDay: 20 },
  }),
  preferences: typePreferences.meta({
    description: "What holds for this type where a recipient says nothing",
    example: { batching: { windowMinutes: 60 } },
  }),
};

/** A type's definition with all its parts. */
export const wholeTypeDefinition = z.strictObject(parts);

/** What a notification type says of its messages; what is left out takes the value shown here. */
export const typeDefinition = z.strictObject({
  ...parts,
  priority: parts.priority.default("normal"),
  channels: parts.channels.default([...channels]),
  batchable: parts.batchable.default(false),
  digestable: parts.digestable.default(false),
  mandatory: parts.mandatory.default(false),
  timeToLiveSeconds: parts.timeToLiveSeconds.default(null),
  collapseKey: parts.collapseKey.default(null),
  spreadMinutes: parts.spreadMinutes.default(null),
  summaryTitle: parts.summaryTitle.default(null),
  viewAllUrl: parts.viewAllUrl.default(null),
  summaryTemplate: parts.summaryTemplate.default(null),
  email: parts.email.default({}),
  limits: parts.limits.default({}),
  preferences: parts.preferences.default({}),
});

/** What a type is to be changed by: a merge patch, whose null lets a part take its default again. */
export const typePatch = mergePatchOf(wholeTypeDefinition);

export type TypeDefinition = z.output<typeof typeDefinition>;

/** A type as decisions see it: one version of it. */
export interface NotificationType extends TypeDefinition {
  /** The UUID. */
  id: string;
  key: string;
  /** What logs of grants name it by; never 0. */
  number: number;
  version: number;
}
