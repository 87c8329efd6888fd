import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import {
  patchType,
  type TypeDefinition,
  typeDefinition,
  typeKey,
  wholeTypeDefinition,
} from "../../domain/policy/notification-type.ts";
import type { NotificationType, Prisma } from "../../prisma/generated/client.ts";
import { invalid, notFound } from "../http/problem.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { fieldErrors } from "../http/validation.ts";
import {
  versionMetadata,
  type VersionMetadata,
  versionMetadataJson,
} from "../http/version-metadata.ts";

export const typeParams = z.object({
  key: typeKey.meta({ description: "The key of a notification type", example: "task.deadline" }),
});

/** A notification type, as every route shows it. */
export const typeAnswer = wholeTypeDefinition
  .extend({
    id: z.string().openapi({ example: exampleIdOf("notificationType") }),
    key: z.string().openapi({ example: "task.deadline" }),
    version: z.number().int().openapi({
      description: "The number of the current version, which is also the ETag",
      example: 1,
    }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi("NotificationType");

/** A version of a notification type, as the API shows it. */
export const typeVersionAnswer = wholeTypeDefinition
  .extend(versionMetadata.shape)
  .openapi("NotificationTypeVersion");

/** Reads a stored definition. A field that is newer than the stored document gets its default. */
export const definitionOf = (document: Prisma.JsonValue): TypeDefinition =>
  typeDefinition.parse(document);

export function typeJson(row: NotificationType): z.output<typeof typeAnswer> {
  const { id, key, version, createdAt, updatedAt } = row;
  return {
    id: publicId("notificationType", id),
    key,
    version,
    ...definitionOf(row.document),
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

export const typeVersionJson = (
  row: VersionMetadata & { document: Prisma.JsonValue },
): z.output<typeof typeVersionAnswer> => ({
  ...versionMetadataJson(row),
  ...definitionOf(row.document),
});

/** Finds a type by its key. Throws the problem if it does not exist. */
export async function findType(
  client: Pick<Prisma.TransactionClient, "notificationType">,
  key: string,
): Promise<NotificationType> {
  const row = await client.notificationType.findUnique({ where: { key } });
  if (!row) throw notFound("notification type", "key");
  return row;
}

/** Locks a type against other changes until the transaction ends, and reads it. Throws like `findType`. */
export async function lockType(
  tx: Prisma.TransactionClient,
  key: string,
): Promise<NotificationType> {
  await tx.$queryRaw`SELECT FROM notification_types WHERE key = ${key} FOR NO KEY UPDATE`;
  return findType(tx, key);
}

/**
 * Applies a merge patch to the definition of a type. Throws the problem if the result is not valid.
 * @param at the path of the patch in the request body, for the errors
 */
export function patchDefinition(
  before: TypeDefinition,
  wanted: unknown,
  at: readonly string[] = [],
): TypeDefinition {
  const parsed = typeDefinition.safeParse(patchType(before, wanted));
  if (!parsed.success) throw invalid(fieldErrors(parsed.error, "body", at));
  return parsed.data;
}
