import { randomUUID } from "node:crypto";
import { TypeID } from "typeid-js";

/**
 * Public ids are TypeIDs: a prefix that names the kind, and a UUIDv7 in Crockford base32, so that they sort by
 * creation time. The database stores the bare UUID. https://github.com/jetify-com/typeid
 */
export const idPrefixes = {
  recipient: "rcp",
  template: "tpl",
  templateVersion: "tpv",
  notification: "ntf",
  campaign: "cmp",
  delivery: "dlv",
  segment: "seg",
  suppression: "sup",
  apiKey: "key",
  auditEntry: "aud",
  notificationType: "typ",
  group: "grp",
  event: "evt",
  layout: "lay",
  routingRule: "rul",
  attachment: "att",
  inboxItem: "inb",
  address: "adr",
  session: "ses",
  operator: "opr",
  alert: "alr",
  savedView: "viw",
  process: "prc",
  topic: "top",
  webhookEndpoint: "whe",
  webhookAttempt: "wha",
} as const;

export type IdKind = keyof typeof idPrefixes;

/** Creates a UUIDv7 (RFC 9562, section 5.7) for an instant: a random UUID whose first part is the time. */
export function newUuid(now: Date = new Date()): string {
  return `${formatTime(now)}-7${randomUUID().slice(15)}`;
}

/** Formats 16 bytes as a UUID. */
export function formatUuid(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The lower bound of the ids that are created at `at` or later. */
export function firstUuidAt(at: Date): string {
  return `${formatTime(at)}-7000-8000-000000000000`;
}

/** The milliseconds of an instant in the format of the first 48 bits of a UUIDv7. */
function formatTime(at: Date): string {
  const hex = at.getTime().toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

/** The upper bound of all ids. */
export const newestUuid = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** The creation time of a UUIDv7, to the millisecond. */
export function creationOf(uuid: string): Date {
  return new Date(Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16));
}

/** The public form of an id: `publicId("delivery", uuid)` is `dlv_…`. */
export function publicId(kind: IdKind, uuid: string): string {
  return TypeID.fromUUID(idPrefixes[kind], uuid).toString();
}

/** The UUID in a public id, or null if the text is not a well-formed id of that kind. */
export function parsePublicId(kind: IdKind, id: string): string | null {
  try {
    // Any 128 bits are well formed, whether or not a resource has that id.
    return formatUuid(Buffer.from(TypeID.fromString(id, idPrefixes[kind]).toUUIDBytes()));
  } catch {
    return null;
  }
}

/** The pattern of well-formed public ids of a kind: 128 bits in base32. */
export function publicIdPattern(kind: IdKind): RegExp {
  return new RegExp(`^${idPrefixes[kind]}_[0-7][0-9a-hjkmnp-tv-z]{25}$`);
}
