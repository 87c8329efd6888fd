import { createSecretKey, randomBytes } from "node:crypto";
import type { AttachmentDescription } from "../domain/attachment.ts";
import { type SealedPlace, type Sealer, SealedValueError } from "../domain/sealer.ts";
import { decrypt, encrypt } from "../domain/sealing/encryption.ts";
import { defineStatement, type Execute } from "./sql.ts";

/*
 * Attachments are stored once for equal files. Their names, types and contents are encrypted, each file with a key of its own, which is sealed:
 * a copy of the database shows none of them, and a new data key needs to seal only the keys of files again.
 */

/** A file that is stored. `id` is a UUID. */
export interface KeptAttachment {
  id: string;
  /** In bytes. */
  size: number;
}

/** A file to store. */
export interface FileToKeep {
  id: string;
  /** The SHA-256 of name, type and content, in hexadecimal digits. */
  hash: string;
  description: AttachmentDescription;
  content: Uint8Array;
  /** Whether it was uploaded by itself, and not with a notification. */
  uploaded: boolean;
  createdBy: string;
  now: Date;
}

/** A use of stored files. */
interface AttachmentUse {
  ids: readonly string[];
  /** Whether the files are for several people, so that they outlive the erasure of one of them. */
  uploaded: boolean;
  now: Date;
}

const noteUseStatement = defineStatement<
  { ids: readonly string[]; hashes: readonly string[]; uploaded: boolean; now: Date },
  KeptAttachment & { hash: string }
>(
  `UPDATE attachments SET used_at = greatest(used_at, :now::timestamptz), uploaded = uploaded OR :uploaded::boolean
   WHERE id = ANY(:ids::uuid[]) OR hash = ANY(:hashes::text[]) RETURNING id, hash, size`,
);

/** Notes the use of stored files, so that retention keeps them for another while. Resolves with those that exist. */
export function noteAttachmentUse(execute: Execute, use: AttachmentUse): Promise<KeptAttachment[]> {
  return execute(noteUseStatement, { ...use, hashes: [] });
}

const insertStatement = defineStatement<
  {
    id: string;
    hash: string;
    size: number;
    key: Uint8Array;
    description: Uint8Array;
    content: Uint8Array;
    uploaded: boolean;
    createdBy: string;
    now: Date;
  },
  KeptAttachment
>(
  `INSERT INTO attachments AS a (id, hash, size, key, description, content, uploaded, created_by, created_at, used_at)
   VALUES (:id::uuid, :hash::text, :size::int, :key::bytea, :description::bytea, :content::bytea, :uploaded::boolean, :createdBy::text, :now::timestamptz, :now::timestamptz)
   ON CONFLICT (hash) DO UPDATE SET used_at = greatest(a.used_at, excluded.used_at), uploaded = a.uploaded OR excluded.uploaded
   RETURNING a.id, a.size`,
);

const keyBytes = 32;

const keyPlace = (row: string): SealedPlace => ({ table: "attachments", column: "key", row });

/** What the encrypted parts of a file are bound to. */
const additionalData = (id: string, part: "description" | "content") =>
  JSON.stringify(["tidings attachment", id, part]);

/**
 * Stores a file, or finds the equal one that is stored.
 * @throws SealedValueError if nothing can be sealed
 */
export async function keepAttachment(
  execute: Execute,
  sealer: Sealer,
  file: FileToKeep,
): Promise<KeptAttachment> {
  const { id, hash, description, content, uploaded, createdBy, now } = file;
  const [known] = await execute(noteUseStatement, { ids: [], hashes: [hash], uploaded, now });
  if (known) return { id: known.id, size: known.size };
  const secret = randomBytes(keyBytes);
  const key = createSecretKey(secret);
  const described = Buffer.from(JSON.stringify(description));
  const [kept] = await execute(insertStatement, {
    id,
    hash,
    size: content.length,
    key: Buffer.from(await sealer.seal(secret, keyPlace(id))),
    description: encrypt(key, described, additionalData(id, "description")),
    content: encrypt(key, content, additionalData(id, "content")),
    uploaded,
    createdBy,
    now,
  });
  return kept!;
}

/** A stored file that is to be sent. */
export interface OpenedAttachment extends AttachmentDescription {
  content: Uint8Array;
}

const readStatement = defineStatement<
  { id: string },
  { key: Uint8Array; description: Uint8Array; content: Uint8Array }
>("SELECT key, description, content FROM attachments WHERE id = :id::uuid");

const describeStatement = defineStatement<
  { id: string },
  KeptAttachment & { key: Uint8Array; description: Uint8Array; createdAt: Date }
>(
  `SELECT id, size, key, description, created_at AS "createdAt" FROM attachments WHERE id = :id::uuid`,
);

/** Returns a function that decrypts the parts of a file. */
async function unlock(
  sealer: Pick<Sealer, "open">,
  id: string,
  sealedKey: Uint8Array,
): Promise<(part: "description" | "content", encrypted: Uint8Array) => Buffer> {
  const key = createSecretKey(await sealer.open(sealedKey, keyPlace(id)));
  return (part, encrypted) => {
    const text = decrypt(key, encrypted, additionalData(id, part));
    if (!text) throw new SealedValueError(`The ${part} of an attachment was changed.`);
    return text;
  };
}

// It was checked before it was encrypted.
const parseDescription = (text: Buffer) => JSON.parse(text.toString()) as AttachmentDescription;

/**
 * Reads a file; null if it does not exist.
 * @throws SealedValueError if it cannot be opened
 */
export async function openAttachment(
  execute: Execute,
  sealer: Pick<Sealer, "open">,
  id: string,
): Promise<OpenedAttachment | null> {
  const [row] = await execute(readStatement, { id });
  if (!row) return null;
  const open = await unlock(sealer, id, row.key);
  return {
    ...parseDescription(open("description", row.description)),
    content: open("content", row.content),
  };
}

/**
 * Reads what is known of a file without its content; null if it does not exist.
 * @throws SealedValueError if it cannot be opened
 */
export async function describeAttachment(
  execute: Execute,
  sealer: Pick<Sealer, "open">,
  id: string,
): Promise<(AttachmentDescription & KeptAttachment & { createdAt: Date }) | null> {
  const [row] = await execute(describeStatement, { id });
  if (!row) return null;
  const { size, createdAt } = row;
  const open = await unlock(sealer, id, row.key);
  return { ...parseDescription(open("description", row.description)), id, size, createdAt };
}
