import { createHash } from "node:crypto";
import {
  type Attachments,
  maxAttachmentBytes,
  type NewAttachment,
  type StoredAttachments,
  tooLargeAttachments,
} from "../../domain/attachment.ts";
import { newUuid, parsePublicId } from "../../domain/ids.ts";
import { SealedValueError } from "../../domain/sealer.ts";
import {
  type KeptAttachment,
  keepAttachment,
  noteAttachmentUse,
} from "../../ledger/attachments.ts";
import { type Execute, executeOn } from "../../ledger/sql.ts";
import { type FieldError, invalid, Problem } from "../http/problem.ts";
import type { Services } from "../services.ts";

/** Stores a file, or finds the equal one that is stored. Throws the problem of an installation that cannot encrypt. */
export async function storeAttachment(
  { pool, sealer, clock }: Pick<Services, "pool" | "sealer" | "clock">,
  { filename, contentType, content: base64 }: NewAttachment,
  { createdBy, uploaded }: { createdBy: string; uploaded: boolean },
): Promise<KeptAttachment> {
  const content = Buffer.from(base64, "base64");
  const description = { filename, contentType };
  const hash = createHash("sha256").update(JSON.stringify(description)).update(content);
  const now = clock();
  try {
    return await keepAttachment(executeOn(pool), sealer, {
      id: newUuid(now),
      hash: hash.digest("hex"),
      description,
      content,
      uploaded,
      createdBy,
      now,
    });
  } catch (error) {
    throw toProblem(error);
  }
}

/** Converts the error of a sealer, which says why nothing can be encrypted or decrypted, to a problem. */
export const toProblem = (error: unknown): unknown =>
  error instanceof SealedValueError
    ? new Problem("unavailable", `Attachments are encrypted. ${error.message}`, {
        headers: { "Retry-After": "60" },
      })
    : error;

/**
 * Stores the new attachments of a notification and finds the others. Resolves with the UUIDs in their order, or with the errors for which
 * they cannot be used.
 */
export async function resolveAttachments(
  services: Pick<Services, "pool" | "sealer" | "clock">,
  given: Attachments,
  createdBy: string,
): Promise<{ ids: string[]; errors: FieldError[] }> {
  const named = given.flatMap((file) => ("id" in file ? idOf(file.id) : []));
  const use = { ids: named, uploaded: false, now: services.clock() };
  const found = named.length === 0 ? [] : await noteAttachmentUse(executeOn(services.pool), use);
  const known = new Map(found.map((file) => [file.id, file]));
  const kept: (KeptAttachment | undefined)[] = [];
  for (const file of given)
    kept.push(
      "id" in file
        ? known.get(idOf(file.id))
        : await storeAttachment(services, file, { createdBy, uploaded: false }),
    );
  return { ids: kept.flatMap((file) => file?.id ?? []), errors: faultsOf(kept) };
}

/**
 * Finds the attachments of a campaign, and keeps retention and erasures from removing them until the transaction ends. Resolves with their UUIDs in
 * their order. Throws a problem that names those that cannot be used.
 */
export async function holdAttachments(
  execute: Execute,
  given: StoredAttachments,
  now: Date,
): Promise<string[]> {
  if (given.length === 0) return [];
  const ids = given.map(({ id }) => idOf(id));
  const found = await noteAttachmentUse(execute, { ids, uploaded: true, now });
  const errors = faultsOf(ids.map((id) => found.find((file) => file.id === id)));
  if (errors.length > 0) throw invalid(errors);
  return ids;
}

/** The errors for which attachments cannot be used; undefined stands for one that does not exist. */
function faultsOf(files: readonly (KeptAttachment | undefined)[]): FieldError[] {
  const errors = files.flatMap((file, index): FieldError[] =>
    file
      ? []
      : [
          {
            in: "body",
            field: `/attachments/${index}/id`,
            message:
              "names no attachment, or one that was removed because nothing had used it: upload it with POST /v1/attachments",
          },
        ],
  );
  if (files.reduce((sum, file) => sum + (file?.size ?? 0), 0) > maxAttachmentBytes)
    errors.push({ in: "body", field: "/attachments", message: tooLargeAttachments });
  return errors;
}

/** The id was checked by its schema. */
const idOf = (id: string) => parsePublicId("attachment", id)!;
