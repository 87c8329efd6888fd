import { createHash } from "node:crypto";
import {
  type Attachments,
  maxAttachmentBytes,
  type NewAttachment,
  tooLargeAttachments,
} from "../../domain/attachment.ts";
import { newUuid, parsePublicId } from "../../domain/ids.ts";
import { SealedValueError } from "../../domain/sealer.ts";
import {
  type KeptAttachment,
  keepAttachment,
  noteAttachmentUse,
} from "../../ledger/attachments.ts";
import { executeOn } from "../../ledger/sql.ts";
import { type FieldError, Problem } from "../http/problem.ts";
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
  const found =
    named.length === 0
      ? []
      : await noteAttachmentUse(executeOn(services.pool), { ids: named, now: services.clock() });
  const known = new Map(found.map((file) => [file.id, file]));
  const errors: FieldError[] = [];
  const kept: KeptAttachment[] = [];
  for (const [index, file] of given.entries()) {
    const stored =
      "id" in file
        ? known.get(idOf(file.id))
        : await storeAttachment(services, file, { createdBy, uploaded: false });
    if (stored) kept.push(stored);
    else
      errors.push({
        in: "body",
        field: `/attachments/${index}/id`,
        message: "names no attachment: upload it with POST /v1/attachments",
      });
  }
  if (kept.reduce((sum, { size }) => sum + size, 0) > maxAttachmentBytes)
    errors.push({ in: "body", field: "/attachments", message: tooLargeAttachments });
  return { ids: kept.map(({ id }) => id), errors };
}

/** The id was checked by its schema. */
const idOf = (id: string) => parsePublicId("attachment", id)!;
