import { z } from "zod";
import { channels } from "./channel.ts";
import { resourceKey } from "./key.ts";
import { recipientLimits } from "./limits.ts";
import { typePreferences } from "./preferences.ts";
import { priorities } from "./priority.ts";
import { text } from "./storable.ts";
import { webUrl } from "./web-url.ts";

/** Names a type among its callers; part of a URL. */
export const typeKey = resourceKey.meta({ example: "task.deadline" });

/** What a notification type says of its messages. */
export const typeDefinition = z.strictObject({
  name: text(200).meta({ example: "Task deadlines" }),
  /** Of messages that bring none of their own. */
  priority: z.enum(priorities).default("normal"),
  channels: z
    .array(z.enum(channels))
    .min(1, "must allow at least one channel")
    .refine((allowed) => new Set(allowed).size === allowed.length, "must name each channel once")
    .default([...channels]),
  /** May go out with others of its kind in one message. */
  batchable: z.boolean().default(false),
  /** May wait for a recipient's digest. */
  digestable: z.boolean().default(false),
  /** Cannot be switched off; it waits like any other. */
  mandatory: z.boolean().default(false),
  /** Pointless after so long; null: never. */
  timeToLiveSeconds: z
    .int("must be a whole number of seconds")
    .min(1, "must be from 1 to 31536000 seconds")
    .max(31_536_000, "must be from 1 to 31536000 seconds")
    .nullable()
    .default(null),
  /** Of those that wait for a recipient, only the newest goes out; a message may bring its own. */
  collapseKey: text(200).nullable().default(null),
  /** Members of a batch are about times no further apart; null: however far. */
  spreadMinutes: z
    .int("must be a whole number of minutes")
    .min(1, "must be from 1 to 1440 minutes")
    .max(1_440, "must be from 1 to 1440 minutes")
    .nullable()
    .default(null),
  /** What a message of several is called, `{count}` in the place of their number; null: a title made from the type's name. */
  summaryTitle: text(200)
    .nullable()
    .default(null)
    .meta({ example: "{count} task deadlines approaching" }),
  /**
   * Where all of several can be seen at once, `{entityIds}` in the place of the ids of what they are about, with commas
   * between them; null: nowhere.
   */
  viewAllUrl: webUrl
    .max(1_000, "must have at most 1000 characters")
    .nullable()
    .default(null)
    .meta({ example: "https://tasks.example.org/tasks?ids={entityIds}" }),
  /** The template that several go out with, by its key; null: the one that comes with it. */
  summaryTemplate: resourceKey.nullable().default(null),
  /** Messages of this type to one recipient. */
  limits: recipientLimits.partial().default({}),
  preferences: typePreferences.default({}),
});

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
