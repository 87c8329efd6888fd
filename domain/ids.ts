import { randomUUID } from "node:crypto";

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

/** The value of each hexadecimal digit, by its code. */
const nibbles = new Uint8Array(128);
for (const [value, digit] of [..."0123456789abcdef"].entries())
  nibbles[digit.charCodeAt(0)] = value;
const dash = "-".charCodeAt(0);

/** Writes the 16 bytes of a UUID, as PostgreSQL formats it, to `at`. */
export function writeUuid(bytes: Uint8Array, uuid: string, at: number): void {
  let next = at;
  for (let place = 0; place < uuid.length; place += 2) {
    if (uuid.charCodeAt(place) === dash) place += 1;
    bytes[next] = (nibbles[uuid.charCodeAt(place)]! << 4) | nibbles[uuid.charCodeAt(place + 1)]!;
    next += 1;
  }
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

const base32 = "0123456789abcdefghjkmnpqrstvwxyz";
/** Two digits for each number of ten bits. */
const digitPairs = Array.from({ length: 1_024 }, (_, n) => base32[n >> 5]! + base32[n & 31]!);
const base32Values = new Uint8Array(128);
for (const [value, digit] of [...base32].entries()) base32Values[digit.charCodeAt(0)] = value;
const hexBytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/**
 * The public form of an id: `publicId("delivery", uuid)` is `dlv_…`. Each message has several, so it costs a fraction of what TypeID's library takes.
 */
export function publicId(kind: IdKind, uuid: string): string {
  let text = `${idPrefixes[kind]}_`;
  let value = 0;
  // 26 digits have two bits more than a UUID: they are zero, and come first.
  let bits = 2;
  for (let place = 0; place < uuid.length; place += 1) {
    const code = uuid.charCodeAt(place);
    if (code === dash) continue;
    value = (value << 4) | nibbles[code]!;
    bits += 4;
    if (bits < 10) continue;
    bits -= 10;
    text += digitPairs[value >> bits];
    value &= (1 << bits) - 1;
  }
  return text;
}

const patterns = Object.fromEntries(
  Object.keys(idPrefixes).map((kind) => [kind, publicIdPattern(kind as IdKind)]),
) as Record<IdKind, RegExp>;

/** The UUID in a public id, or null if the text is not a well-formed id of that kind. Any 128 bits are well formed, whether or not a resource has that id. */
export function parsePublicId(kind: IdKind, id: string): string | null {
  if (!patterns[kind].test(id)) return null;
  let uuid = "";
  let value = 0;
  let bits = -2;
  for (let place = idPrefixes[kind].length + 1; place < id.length; place += 1) {
    value = (value << 5) | base32Values[id.charCodeAt(place)]!;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    uuid += hexBytes[value >> bits];
    value &= (1 << bits) - 1;
    if (dashesAt.has(uuid.length)) uuid += "-";
  }
  return uuid;
}

/** The length of the text before each dash of a UUID. */
const dashesAt = new Set([8, 13, 18, 23]);

/** The pattern of well-formed public ids of a kind: 128 bits in base32. */
export function publicIdPattern(kind: IdKind): RegExp {
  return new RegExp(`^${idPrefixes[kind]}_[0-7][0-9a-hjkmnp-tv-z]{25}$`);
}
