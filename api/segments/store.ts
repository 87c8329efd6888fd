import { z } from "@hono/zod-openapi";
import { recipientFilter, type RecipientFilter, segmentKey } from "../../domain/audience.ts";
import { publicId } from "../../domain/ids.ts";
import { nameText } from "../../domain/text.ts";
import type { Prisma, Segment } from "../../prisma/generated/client.ts";
import { describedFilter } from "./audience.ts";
import { notFound } from "../http/problem.ts";

const exampleKey = "pro-customers";

export const newSegmentKey = segmentKey.meta({ example: exampleKey });
export const segmentName = nameText(200).openapi({ example: "Pro customers" });

export const segmentParams = z.object({
  key: newSegmentKey.meta({ description: "The key of the segment" }),
});

/** The schema of a segment in every response. */
export const segmentAnswer = z
  .object({
    id: z.string().openapi({ example: "seg_01jd3v8qyee7fr8xmcsnh5hbcd" }),
    key: z.string().openapi({ example: exampleKey }),
    name: z.string().openapi({ example: "Pro customers" }),
    filter: describedFilter,
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi("Segment");

export function segmentJson(row: Segment): z.output<typeof segmentAnswer> {
  return {
    id: publicId("segment", row.id),
    key: row.key,
    name: row.name,
    filter: row.filter as RecipientFilter,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** Reads a segment with its filter; null if none has the key. */
export async function readSegment(
  client: Pick<Prisma.TransactionClient, "segment">,
  key: string,
): Promise<{ row: Segment; filter: RecipientFilter } | null> {
  const row = await client.segment.findUnique({ where: { key } });
  return row && { row, filter: recipientFilter.parse(row.filter) };
}

/** Locks a segment until the end of the transaction against other changes, and for a deletion also against campaigns that name it. Throws a 404 if there is none. */
export async function lockSegment(
  tx: Prisma.TransactionClient,
  key: string,
  purpose: "change" | "deletion",
): Promise<Segment> {
  if (purpose === "change")
    await tx.$queryRaw`SELECT FROM segments WHERE key = ${key} FOR NO KEY UPDATE`;
  else await tx.$queryRaw`SELECT FROM segments WHERE key = ${key} FOR UPDATE`;
  const row = await tx.segment.findUnique({ where: { key } });
  if (!row) throw notFound("segment", "key");
  return row;
}
