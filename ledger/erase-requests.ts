import { addressSpellings } from "../domain/address.ts";
import { newUuid } from "../domain/ids.ts";
import { mentions, type Search } from "./erase-mentions.ts";
import { defineStatement, type Execute } from "./sql.ts";

/*
 * Erases a person from what belongs to notifications: contents, attachments and copies. What was for this person alone is removed. A content
 * that others still have is replaced by one that does not name the person.
 */

interface OfPerson {
  id: string;
}

const ofPerson =
  "n.id IN (SELECT notification_id FROM deliveries WHERE recipient_id = :id::uuid AND notification_id IS NOT NULL)";
/** The notifications that were for this person alone. */
const own = `${ofPerson} AND NOT EXISTS (SELECT FROM deliveries d WHERE d.notification_id = n.id AND d.recipient_id <> :id::uuid)`;

const contentsStatement = defineStatement<OfPerson, { contentId: string }>(
  `SELECT DISTINCT n.content_id AS "contentId" FROM notifications n WHERE ${ofPerson} AND n.content_id IS NOT NULL`,
);

const ownContentsStatement = defineStatement<OfPerson>(
  `UPDATE notifications AS n SET content_id = NULL WHERE n.content_id IS NOT NULL AND ${own}`,
);

const unusedContentsStatement = defineStatement<{ ids: readonly string[] }>(
  `DELETE FROM inline_contents c WHERE c.id = ANY(:ids::uuid[]) AND NOT EXISTS (SELECT FROM notifications n WHERE n.content_id = c.id)`,
);

const namingContentsStatement = defineStatement<
  { ids: readonly string[]; patterns: readonly string[] },
  { id: string; content: object; open: boolean }
>(
  `SELECT c.id, c.content, EXISTS (
     SELECT FROM notifications n JOIN open_deliveries o ON o.notification_id = n.id WHERE n.content_id = c.id
   ) AS open
   FROM inline_contents c WHERE c.id = ANY(:ids::uuid[]) AND ${mentions("c.content::text")}`,
);

/** Nothing finds the new row by a hash, so that no later request gets a content from which a name was removed. */
const replaceContentStatement = defineStatement<{
  oldId: string;
  newId: string;
  content: string;
}>(
  `WITH old AS (SELECT created_at, used_at FROM inline_contents WHERE id = :oldId::uuid),
   added AS (
     INSERT INTO inline_contents (id, hash, content, created_at, used_at)
     SELECT :newId::uuid, :newId::text, :content::text::jsonb, created_at, used_at FROM old
   )
   UPDATE notifications SET content_id = :newId::uuid WHERE content_id = :oldId::uuid`,
);

const ownAttachmentsStatement = defineStatement<OfPerson, { attachmentId: string }>(
  `DELETE FROM notification_attachments a USING notifications n WHERE a.notification_id = n.id AND ${own} RETURNING a.attachment_id AS "attachmentId"`,
);

/** A file that was uploaded by itself is not about this person alone. */
const unusedAttachmentsStatement = defineStatement<{ ids: readonly string[] }>(
  `DELETE FROM attachments f WHERE f.id = ANY(:ids::uuid[]) AND NOT f.uploaded
     AND NOT EXISTS (SELECT FROM notification_attachments a WHERE a.attachment_id = f.id)`,
);

const ownCopiesStatement = defineStatement<OfPerson>(
  `UPDATE notification_copies AS c SET address = NULL, detail = NULL FROM notifications n WHERE c.notification_id = n.id AND ${own}`,
);

const copiesToPersonStatement = defineStatement<{ spellings: readonly string[] }>(
  `UPDATE notification_copies SET address = NULL, detail = NULL
   WHERE lower(address) IN (SELECT lower(s) FROM unnest(:spellings::text[]) AS s)`,
);

/** Erases a person from the contents, attachments and copies of notifications. The person's waiting deliveries must have ended before. */
export async function eraseFromRequests(
  execute: Execute,
  search: Search,
  { id, email }: { id: string; email: string | null },
  now: Date,
): Promise<void> {
  await eraseFromContents(execute, search, id, now);
  const detached = await execute(ownAttachmentsStatement, { id });
  if (detached.length > 0)
    await execute(unusedAttachmentsStatement, {
      ids: detached.map(({ attachmentId }) => attachmentId),
    });
  await execute(ownCopiesStatement, { id });
  if (email !== null)
    await execute(copiesToPersonStatement, { spellings: addressSpellings(email) });
}

async function eraseFromContents(
  execute: Execute,
  search: Search,
  id: string,
  now: Date,
): Promise<void> {
  const used = await execute(contentsStatement, { id });
  if (used.length === 0) return;
  const ids = used.map(({ contentId }) => contentId);
  await execute(ownContentsStatement, { id });
  await execute(unusedContentsStatement, { ids });
  const { patterns } = search;
  for (const row of await execute(namingContentsStatement, { ids, patterns })) {
    // A message that is still to be sent keeps the values of attributes, and loses only identifiers.
    const redactor = row.open ? search.sure : await search.whole(row.content);
    const left = redactor.json(row.content);
    if (left === row.content) continue;
    const content = JSON.stringify(left);
    await execute(replaceContentStatement, { oldId: row.id, newId: newUuid(now), content });
    await execute(unusedContentsStatement, { ids: [row.id] });
  }
}
