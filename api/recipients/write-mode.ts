import { z } from "@hono/zod-openapi";
import { importedPatch, importedRecipient } from "../../domain/recipient.ts";
import {
  mergeRecipient,
  type RecipientChange,
  replaceRecipient,
} from "../../domain/recipient-change.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import { refineTypes } from "./preferences.ts";

/** How a bulk request or an import writes recipients: it merges the given fields, or replaces whole recipients. */
export const writeModes = ["merge", "replace"] as const;
type WriteMode = (typeof writeModes)[number];

export const modeParameter = z.enum(writeModes).default("merge").openapi({
  description:
    "`merge` changes the given fields and keeps the others; `replace` resets fields that are left out to their defaults, except preferences",
  example: "merge",
});

/** Makes the schema of an imported recipient. It checks that their preferences switch existing types only, and outputs a change. */
export const createChangeSchema = (
  mode: WriteMode,
  rulebook: Rulebook,
): z.ZodType<RecipientChange> =>
  mode === "merge"
    ? importedPatch.superRefine(refineTypes(rulebook)).transform(mergeRecipient)
    : importedRecipient.superRefine(refineTypes(rulebook)).transform(replaceRecipient);
