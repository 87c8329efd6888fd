import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Pool } from "pg";
import type { RecipientFilter } from "../../domain/audience.ts";
import { filterWhere, hasAddress } from "../../ledger/audience-sql.ts";
import { addressSpellings, normalizeAddress } from "../../domain/address.ts";
import { type AddressedChannel, addressedChannels, channelsOf } from "../../domain/channel.ts";
import { firstUuidAt, publicId } from "../../domain/ids.ts";
import { containingPattern } from "../../ledger/sql-like.ts";
import type { recipientReference } from "../../domain/recipient.ts";
import { text } from "../../domain/text.ts";
import type { Prisma, Recipient } from "../../prisma/generated/client.ts";
import type { ApiEnv } from "../http/context.ts";
import { maskFor } from "../http/masking.ts";
import { type WhereBuilder, createWhereBuilder } from "../http/where.ts";
import type { PagePosition } from "../http/page-reading.ts";
import { notFound, Problem } from "../http/problem.ts";

/** The schema of a recipient in every response. */
export const recipientAnswer = z
  .object({
    id: z.string().openapi({ example: "rcp_01jd3v8qyee7fr8xmcsnh5hbcd" }),
    externalId: z.string().openapi({ example: "ada" }),
    email: z.string().nullable().openapi({
      description:
        "Masked, such as `a•••@example.org`, for the role `viewer` and in the console, as are all addresses in the external id and the attributes",
      example: "ada@example.org",
    }),
    phone: z.string().nullable().openapi({
      description: "Masked, such as `+49•••78`, where the email address is",
      example: "+4915112345678",
    }),
    timeZone: z.string().openapi({ example: "Europe/London" }),
    locale: z.string().openapi({ example: "en-GB" }),
    attributes: z.record(z.string(), z.unknown()).openapi({ example: { plan: "pro" } }),
    reachableBy: z.array(z.enum(addressedChannels)).openapi({
      description:
        "The channels on which the recipient has an address: `push` if a device of theirs is registered for it. Everybody has an inbox, so that `in_app` is not listed",
      example: ["email", "push"],
    }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi("Recipient");

/** The columns that the API shows of a recipient who has not been erased. */
export type RecipientRow = Omit<
  Recipient,
  "erasedAt" | "preferences" | "preferencesVersion" | "engagedHours" | "linksEpoch"
>;

/** The recipient with all that is known of them. */
export function unmaskedRecipientJson(row: RecipientRow): z.output<typeof recipientAnswer> {
  return { ...recipientFacts(row), reachableBy: channelsOf(row, row.addressChannels) };
}

/** Makes the function that shows recipients to the caller, who may have to see their addresses masked. */
export const recipientJsonFor = (c: Context<ApiEnv>) => (row: RecipientRow) =>
  maskFor(c, unmaskedRecipientJson(row));

/** The fields of a recipient that callers write, and with which the audit trail describes changes. */
export function recipientFacts(
  row: RecipientRow,
): Omit<z.output<typeof recipientAnswer>, "reachableBy"> {
  const { id, externalId, email, phone, timeZone, locale, attributes, createdAt, updatedAt } = row;
  return {
    id: publicId("recipient", id),
    externalId: externalId!,
    email,
    phone,
    timeZone,
    locale,
    attributes: attributes as Record<string, unknown>,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

/** The columns of a `RecipientRow`, as a SELECT list. */
export const recipientColumns = `id, external_id AS "externalId", email, phone, time_zone AS "timeZone", locale, attributes, address_channels::text[] AS "addressChannels", created_at AS "createdAt", updated_at AS "updatedAt", version`;

/** The id by which a caller identifies a recipient: an external id, or a UUID from an `rcp_` id. */
export type RecipientName = ReturnType<typeof recipientReference>;

/** The parameters of a route whose path identifies a recipient: by the external id, or by the `rcp_` id of Tidings. */
export const recipientParams = z.object({
  recipient: text(200).openapi({
    description: "The external id of the recipient, or their `rcp_` id",
    example: "ada",
  }),
});

/** A recipient with their preferences. */
export type LockedRecipient = Omit<Recipient, "engagedHours" | "linksEpoch">;

/** Locks a recipient against other changes until the end of the transaction; undefined if there is none. */
export async function lockRecipient(
  tx: Prisma.TransactionClient,
  named: RecipientName,
): Promise<LockedRecipient | undefined> {
  const [column, value] =
    "id" in named ? ["id = $1::uuid", named.id] : ["external_id = $1", named.externalId];
  const [row] = await tx.$queryRawUnsafe<LockedRecipient[]>(
    `SELECT ${recipientColumns}, erased_at AS "erasedAt", preferences, preferences_version AS "preferencesVersion" FROM recipients WHERE ${column} FOR NO KEY UPDATE`,
    value,
  );
  return row;
}

/** Reads a recipient. Throws a problem if there is none, or if they were erased. */
export async function readRecipient(
  client: Pick<Prisma.TransactionClient, "recipient">,
  named: RecipientName,
): Promise<Recipient> {
  const row = await client.recipient.findUnique({ where: named });
  refuseAbsent(row);
  return row;
}

/** Throws a problem if a recipient does not exist, or was erased. */
export function refuseAbsent<Row extends { erasedAt: Date | null }>(
  row: Row | null | undefined,
): asserts row is Row {
  if (!row) throw notFound("recipient");
  if (row.erasedAt)
    throw new Problem("gone", `This recipient was erased at ${row.erasedAt.toISOString()}.`);
}

/** The fields by which lists of recipients may be sorted. */
export const recipientSorts = {
  createdAt: "creation",
  updatedAt: "instant",
  externalId: "text",
} as const;

const sortColumns: Record<string, string> = {
  createdAt: "id",
  updatedAt: "updated_at",
  externalId: "external_id",
};

/** The filters of a list of recipients. A filter that is left out matches every recipient. */
export interface RecipientQuery {
  /** Part of the external id, email address or phone number, without regard to case. */
  q?: string | undefined;
  /** The whole address, without regard to case. */
  email?: string | undefined;
  externalId?: string | undefined;
  phone?: string | undefined;
  locale?: string | undefined;
  timeZone?: string | undefined;
  reachableBy?: AddressedChannel | undefined;
  createdFrom?: Date | undefined;
  createdBefore?: Date | undefined;
  filter?: RecipientFilter | undefined;
}

/** The expression of the index `recipients_search`. It must be exactly the same, so that PostgreSQL uses the index. */
const searched =
  "lower(coalesce(r.external_id, '') || ' ' || coalesce(r.email, '') || ' ' || coalesce(r.phone, ''))";

/**
 * Reads a page of the recipients that the query matches, without erased ones. The statement has no name, so that it is planned for the
 * values of each request: rare values are looked up by index, and common ones are found soon in the order of the list.
 */
export async function readRecipients(
  pool: Pick<Pool, "query">,
  query: RecipientQuery,
  { field, kind, after, direction, take }: PagePosition,
): Promise<RecipientRow[]> {
  const conditions = buildWhere(query);
  const { bind, and } = conditions;
  const column = sortColumns[field]!;
  if (after !== null) {
    const beyond = direction === "asc" ? ">" : "<";
    const id = `${bind(after.id)}::uuid`;
    const type = kind === "instant" ? "timestamptz" : "text";
    and(
      column === "id"
        ? `r.id ${beyond} ${id}`
        : `(r.${column}, r.id) ${beyond} (${bind(after.value)}::${type}, ${id})`,
    );
  }
  const order = [...new Set([column, "id"])].map((by) => `r.${by} ${direction}`).join(", ");
  const { rows } = await pool.query<RecipientRow>(
    `SELECT ${recipientColumns} FROM recipients AS r WHERE ${conditions.sql()} ORDER BY ${order} LIMIT ${bind(take)}::int`,
    conditions.values,
  );
  return rows;
}

/** Counts the recipients that the query matches. */
export async function countRecipients(
  pool: Pick<Pool, "query">,
  query: RecipientQuery,
): Promise<number> {
  const conditions = buildWhere(query);
  const { rows } = await pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM recipients AS r WHERE ${conditions.sql()}`,
    conditions.values,
  );
  return rows[0]!.count;
}

function buildWhere(query: RecipientQuery): WhereBuilder {
  const conditions = createWhereBuilder();
  const { bind, and, values } = conditions;
  const { q, email, externalId, phone, locale, timeZone, createdFrom, createdBefore } = query;
  const search = (...parts: string[]) =>
    and(
      `(${[...new Set(parts)].map((part) => `${searched} LIKE lower(${bind(containingPattern(part))}::text)`).join(" OR ")})`,
    );
  // A space may be a plus sign that was not encoded. Addresses are stored in a normalised form, and external ids as given.
  if (q !== undefined) search(q, normalizeAddress(q), normalizeAddress(q).replaceAll(" ", "+"));
  if (email !== undefined) {
    const spellings = addressSpellings(email);
    // There is no index on addresses alone, so that the search index narrows the rows first.
    search(...spellings);
    and(
      `lower(r.email) IN (${spellings.map((spelling) => `lower(${bind(spelling)}::text)`).join(", ")})`,
    );
  }
  if (phone !== undefined) {
    search(phone);
    and(`r.phone = ${bind(phone)}`);
  }
  if (externalId !== undefined) and(`r.external_id = ${bind(externalId)}`);
  if (locale !== undefined) and(`r.locale = ${bind(locale)}`);
  if (timeZone !== undefined) and(`r.time_zone = ${bind(timeZone)}`);
  if (query.reachableBy !== undefined) and(hasAddress(query.reachableBy, "r", bind));
  if (createdFrom) and(`r.id >= ${bind(firstUuidAt(createdFrom))}::uuid`);
  if (createdBefore) and(`r.id < ${bind(firstUuidAt(createdBefore))}::uuid`);
  if (query.filter) {
    const where = filterWhere(query.filter, "r", values.length + 1);
    values.push(...where.values);
    and(where.sql);
  } else and("r.erased_at IS NULL");
  return conditions;
}
