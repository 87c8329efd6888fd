import { randomUUID } from "node:crypto";
import { TypeID } from "typeid-js";

/**
 * Public ids are TypeIDs: a prefix that names the kind, and a UUIDv7 in Crockford base32, so that they sort by the
 * time of creation. The database keeps the bare UUID. https://github.com/jetify-com/typeid
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
} as const;

export type IdKind = keyof typeof idPrefixes;

/** A fresh UUIDv7 (RFC 9562, section 5.7) for the given instant: a random UUID whose first part is the time. */
export function newUuid(now: Date = new Date()): string {
  return `${formatTime(now)}-7${randomUUID().slice(15)}`;
}

function formatUuid(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Ids are made in the order of time: below this one are those made before `at`. */
export function firstUuidAt(at: Date): string {
  return `${formatTime(at)}-7000-8000-000000000000`;
}

/** The milliseconds of an instant, as a UUIDv7 begins with them. */
function formatTime(at: Date): string {
  const hex = at.getTime().toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

/** No id is above this one. */
export const newestUuid = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** When a UUIDv7 was made, to the millisecond. */
export function creationOf(uuid: string): Date {
  return new Date(Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16));
}

/** The id as the outside sees it: `publicId("delivery", uuid)` is `dlv_…`. */
export function publicId(kind: IdKind, uuid: string): string {
  return TypeID.fromUUID(idPrefixes[kind], uuid).toString();
}

/** The UUID behind a public id, or null if it is not a well-formed id of that kind. */
export function parsePublicId(kind: IdKind, id: string): string | null {
  try {
    // Any 128 bits: that nothing has such an id is not its form's fault.
    return formatUuid(Buffer.from(TypeID.fromString(id, idPrefixes[kind]).toUUIDBytes()));
  } catch {
    return null;
  }
}

/** What well-formed public ids of a kind look like: 128 bits in base32. */
export function publicIdPattern(kind: IdKind): RegExp {
  return new RegExp(`^${idPrefixes[kind]}_[0-7][0-9a-hjkmnp-tv-z]{25}$`);
}
