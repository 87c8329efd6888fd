import { isDeepStrictEqual } from "node:util";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ReadRulebook, Rulebook } from "../../ledger/rulebook.ts";
import { channels } from "../../domain/channel.ts";
import { publicId } from "../../domain/ids.ts";
import { type MergePatch, mergePatch, withoutEmpty } from "../../domain/merge-patch.ts";
import type { NotificationType } from "../../domain/policy/notification-type.ts";
import {
  isTypeOn,
  preferenceDefaults,
  preferenceLayers,
  type PreferencePath,
  preferenceRanges,
  type Preferences,
  preferences,
  tracePreferences,
  type TypeSwitch,
} from "../../domain/policy/preferences.ts";
import { showType } from "../../domain/policy/public-texts.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { changeOf } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import { requireMatchIfGiven } from "../http/etag.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { definitionOf } from "../notification-types/store.ts";
import { type FieldError, invalid, jsonPointer } from "../http/problem.ts";
import { trimPreferenceVersions } from "../../ledger/preference-versions.ts";
import { lockRecipient, refuseAbsent, type RecipientName } from "./store.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { releaseFor } from "../deliveries/release.ts";
import { fieldErrors } from "../http/validation.ts";
import type { Services } from "../services.ts";
import { executeIn } from "../../ledger/sql.ts";

const from = z.enum(preferenceLayers);
const withOrigin = <Value extends z.ZodType>(value: Value) => z.object({ value, from });
const numberInRange = withOrigin(z.number().int()).extend({
  range: z
    .object({ minimum: z.number().int(), maximum: z.number().int() })
    .openapi({ description: "The allowed values" }),
});

const { channels: ofChannels, batching, digest, ...parts } = preferenceDefaults.shape;

const example = <Value>(value: Value, layer: (typeof preferenceLayers)[number]) => ({
  example: { value, from: layer },
});

const effective = z.object({
  "channels.email": withOrigin(ofChannels.shape.email),
  "channels.push": withOrigin(ofChannels.shape.push),
  "channels.in_app": withOrigin(ofChannels.shape.in_app),
  "channels.sms": withOrigin(ofChannels.shape.sms),
  "channels.webhook": withOrigin(ofChannels.shape.webhook),
  channelOrder: withOrigin(parts.channelOrder),
  "batching.enabled": withOrigin(batching.shape.enabled),
  "batching.maximumSize": numberInRange.openapi({
    example: { value: 5, from: "organisation", range: { minimum: 2, maximum: 20 } },
  }),
  "batching.windowMinutes": numberInRange.openapi({
    example: { value: 60, from: "type", range: { minimum: 5, maximum: 120 } },
  }),
  maxPerHour: numberInRange.openapi({
    example: { value: 3, from: "recipient", range: { minimum: 1, maximum: 1_000 } },
  }),
  "digest.mode": withOrigin(digest.shape.mode).openapi(example("daily", "recipient")),
  "digest.time": withOrigin(digest.shape.time),
  "digest.weekday": withOrigin(digest.shape.weekday),
  minimumPriority: withOrigin(parts.minimumPriority),
  quietHours: withOrigin(parts.quietHours),
  quietHoursEnabled: withOrigin(parts.quietHoursEnabled),
  doNotDisturb: withOrigin(parts.doNotDisturb),
  doNotDisturbEnabled: withOrigin(parts.doNotDisturbEnabled),
  intelligentTiming: withOrigin(parts.intelligentTiming),
  learning: withOrigin(parts.learning),
} satisfies Record<PreferencePath, z.ZodType>);

const shownType = z.object({
  name: z.string().openapi({ example: "Reports" }),
  description: z.string().nullable().openapi({ example: "Every Monday morning" }),
  group: z.string().nullable().openapi({
    description: "The heading under which it stands; null for none",
    example: "Your team",
  }),
  mandatoryReason: z
    .string()
    .nullable()
    .openapi({ description: "Why it cannot be switched off", example: null }),
  isListed: z.boolean().openapi({
    description: "Whether the preference centre shows it",
    example: true,
  }),
});

export const examplePreferences = {
  maxPerHour: 3,
  digest: { mode: "daily", time: "18:30" },
  quietHours: [{ start: "22:00", end: "07:00" }],
  types: { "report.weekly": false },
};

/** The preferences of a recipient and the values in force for them, as every route shows them. */
export const preferencesAnswer = z
  .object({
    recipient: z.string().openapi({ example: exampleIdOf("recipient") }),
    version: z.number().int().openapi({
      description: "The number of changes so far, which is also the ETag of the preferences",
      example: 1,
    }),
    timeZone: z.string().openapi({
      description: "The recipient's time zone, in which times of day are",
      example: "Europe/London",
    }),
    preferences: preferences.meta({
      description: "What the recipient has chosen. Everything else follows the type or the policy",
      example: examplePreferences,
    }),
    type: z.string().nullable().openapi({
      description:
        "The notification type that `effective` is for; null means messages without a type",
      example: null,
    }),
    effective: effective.openapi({
      description:
        "The values in force, and whether each comes from the organisation, the type or the recipient",
    }),
    types: z
      .array(
        z.object({
          key: z.string().openapi({ example: "report.weekly" }),
          name: z.string().openapi({ example: "Weekly reports" }),
          shown: shownType.openapi({
            description: "How the recipient sees it, in the recipient's language",
          }),
          on: z.boolean().openapi({
            description: "Whether it is on. A type that is off on some channels is on",
            example: true,
          }),
          channels: z.array(z.object({ channel: z.enum(channels), on: z.boolean() })).openapi({
            description:
              "The channels of the type, and whether the recipient has left it on there. The preference for the whole channel applies too",
            example: [
              { channel: "email", on: false },
              { channel: "push", on: true },
            ],
          }),
          from: from.openapi({ example: "recipient" }),
          mandatory: z.boolean().openapi({
            description: "Whether recipients cannot switch it off",
            example: false,
          }),
        }),
      )
      .openapi({ description: "All notification types, sorted by key, and whether each is on" }),
  })
  .openapi("Preferences");

type PreferencesAnswer = z.output<typeof preferencesAnswer>;

/** The columns of a recipient that hold their preferences. */
export interface RecipientPreferences {
  id: string;
  timeZone: string;
  locale: string;
  preferences: Prisma.JsonValue;
  preferencesVersion: number;
}

/** Reads the stated preferences, which were checked when they were written. Null, which means that none were ever written, becomes an empty object. */
export const readStated = (document: Prisma.JsonValue): Preferences =>
  (document ?? {}) as Preferences;

/**
 * Shows the preferences of a recipient and the values in force, for messages of the type `typeKey` if it is given. Throws a problem if
 * no type has that key.
 */
export async function preferencesJson(
  readRulebook: ReadRulebook,
  row: RecipientPreferences,
  typeKey: string | undefined,
): Promise<PreferencesAnswer> {
  const { policy, types } = await readRulebook();
  const all = [...types.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  const type = all.find(({ key }) => key === typeKey) ?? null;
  if (typeKey !== undefined && !type)
    throw invalid([{ in: "query", field: "type", message: unknownType }]);
  const stated = readStated(row.preferences);
  const traced = tracePreferences({
    organisation: policy.preferences,
    type: type?.preferences ?? null,
    recipient: stated,
  });
  const withRanges = Object.entries(traced).map(([path, value]) => [
    path,
    { ...value, ...(path in preferenceRanges && { range: rangeAt(path) }) },
  ]);
  return {
    recipient: publicId("recipient", row.id),
    version: row.preferencesVersion,
    timeZone: row.timeZone,
    preferences: stated,
    type: type?.key ?? null,
    effective: Object.fromEntries(withRanges) as PreferencesAnswer["effective"],
    types: all.map((type) => toSwitch(type, stated, row.locale)),
  };
}

function rangeAt(path: string) {
  const { minimum, maximum } = preferenceRanges[path as keyof typeof preferenceRanges];
  return { minimum, maximum };
}

function toSwitch(type: NotificationType, { types = {} }: Preferences, locale: string) {
  const { key, name, mandatory, channels: possible } = type;
  // What was stated before a type became mandatory no longer applies, except that it is on.
  const stated = mandatory && types[key] !== true ? undefined : types[key];
  return {
    key,
    name,
    shown: showType(type, locale),
    on: isTypeOn(stated),
    channels: possible.map((channel) => ({
      channel,
      on: isTypeOn(stated) && isTypeOn(stated, channel),
    })),
    from: stated === undefined ? ("type" as const) : ("recipient" as const),
    mandatory,
  };
}

const unknownType = "names no notification type: GET /v1/notification-types lists all types";

const mandatoryType = "cannot be switched off: messages of this type are mandatory";

/** Notification types that a recipient can switch on or off, by key. */
type Switchable = ReadonlyMap<string, Pick<NotificationType, "mandatory">>;

/** Lists the faults of the types that are switched on or off. Types that are unchanged since `before` are not checked. */
function findTypeFaults(
  known: Switchable,
  wanted: Preferences["types"] = {},
  before: Preferences["types"] = {},
): { key: string; message: string }[] {
  return Object.entries(wanted).flatMap(([key, on]) => {
    if (isDeepStrictEqual(before[key], on)) return [];
    const type = known.get(key);
    if (!type) return [{ key, message: unknownType }];
    const isOff = !isTypeOn(on) || channels.some((channel) => !isTypeOn(on, channel));
    return type.mandatory && isOff ? [{ key, message: mandatoryType }] : [];
  });
}

/** Makes the check of a recipient in an import: their preferences may switch only existing types on or off, and no mandatory type off. */
export function refineTypes({ types }: Rulebook) {
  const known = new Map([...types.values()].map((type) => [type.key, type]));
  return (
    {
      preferences: wanted,
    }: {
      preferences?:
        | { types?: Record<string, MergePatch<TypeSwitch> | null | undefined> | null | undefined }
        | null
        | undefined;
    },
    context: z.RefinementCtx,
  ): void => {
    // A null is not checked, because the preference for a deleted type may be removed.
    const switched = Object.entries(wanted?.types ?? {}).flatMap(([key, on]) =>
      on === null || on === undefined ? [] : [[key, mergePatch({}, on) as TypeSwitch] as const],
    );
    for (const { key, message } of findTypeFaults(known, Object.fromEntries(switched)))
      context.addIssue({ code: "custom", path: ["preferences", "types", key], message });
  };
}

/** Merges a patch into stated preferences. Throws a problem if the result is not valid. */
export const mergePreferences =
  (patch: unknown) =>
  (stated: Preferences): Preferences => {
    const parsed = preferences.safeParse(mergePatch(stated, patch));
    if (!parsed.success) throw invalid(fieldErrors(parsed.error, "body"));
    return parsed.data;
  };

/** Changes the stated preferences of a recipient to those that `change` derives from the current ones. */
export async function changePreferences(
  c: Context<ApiEnv>,
  services: Pick<Services, "prisma" | "clock" | "wakes" | "config">,
  recipient: RecipientName,
  change: (stated: Preferences) => Preferences,
): Promise<RecipientPreferences> {
  return withAuditedTransaction(c, services, async (tx) => {
    const before = await lockRecipient(tx, recipient);
    refuseAbsent(before);
    requireMatchIfGiven(c, before.preferencesVersion);
    const stated = readStated(before.preferences);
    const wanted = withoutEmpty(change(stated));
    if (isDeepStrictEqual(wanted, stated)) return { body: before, changes: [] };
    const faults = findTypeFaults(
      await findSwitchableTypes(tx, wanted),
      wanted.types,
      stated.types,
    );
    if (faults.length > 0) throw invalid(faults.map(toFieldError));
    const version = before.preferencesVersion + 1;
    const document = wanted as Prisma.InputJsonObject;
    await tx.$executeRaw`
      UPDATE recipients SET preferences = ${document}::jsonb, preferences_version = ${version} WHERE id = ${before.id}::uuid`;
    const createdBy = c.get("caller").id;
    await tx.preferenceVersion.create({
      data: { recipientId: before.id, version, document, createdBy, createdAt: services.clock() },
    });
    await trimPreferenceVersions(executeIn(tx), [{ id: before.id, preferencesVersion: version }]);
    return {
      body: { ...before, preferences: document as Prisma.JsonObject, preferencesVersion: version },
      changes: [changeOf("preferences.update", publicId("recipient", before.id), stated, wanted)],
      committed: await releaseFor(c, services, executeIn(tx), [before.id]),
    };
  });
}

async function findSwitchableTypes(
  tx: Prisma.TransactionClient,
  { types = {} }: Preferences,
): Promise<Switchable> {
  const rows = await tx.notificationType.findMany({ where: { key: { in: Object.keys(types) } } });
  return new Map(rows.map(({ key, document }) => [key, definitionOf(document)]));
}

const toFieldError = ({ key, message }: { key: string; message: string }): FieldError => ({
  in: "body",
  field: jsonPointer(["types", key]),
  message,
});
