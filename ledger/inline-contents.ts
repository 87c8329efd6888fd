import type { TemplateContent } from "../domain/templates/content.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** A conflicting row of a transaction that is not visible yet is updated all the same, so that the statement always returns a row. */
const keepStatement = defineStatement<
  { id: string; hash: string; content: string; now: Date },
  { id: string }
>(
  `INSERT INTO inline_contents AS c (id, hash, content, created_at, used_at)
   VALUES (:id::uuid, :hash::text, :content::text::jsonb, :now::timestamptz, :now::timestamptz)
   ON CONFLICT (hash) DO UPDATE SET used_at = greatest(c.used_at, excluded.used_at)
   RETURNING c.id`,
);

/** Stores the content of a notification without a template, or notes the use of an equal one. Resolves with the UUID of its row. */
export async function keepInlineContent(
  execute: Execute,
  row: { id: string; hash: string; content: TemplateContent; now: Date },
): Promise<string> {
  const [kept] = await execute(keepStatement, { ...row, content: JSON.stringify(row.content) });
  return kept!.id;
}
