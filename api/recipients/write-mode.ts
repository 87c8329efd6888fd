import { z } from "@hono/zod-openapi";
import { importedPatch, importedRecipient } from "../../domain/recipient.ts";
import {
  mergeRecipient,
  type RecipientChange,
  replaceRecipient,
} from "../../domain/recipient-change.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import { refineTypes } from "./preferences.ts";

/** What many recipients at once are written as: changes of what they name, or the whole of each. */
export const writeModes = ["merge", "replace"] as const;
type WriteMode = (typeof writeModes)[number];

export const modeParameter = z.enum(writeModes).default("merge").openapi({
  description:
    "merge changes what is named and keeps the rest; replace gives what is left out its default, preferences excepted",
  example: "merge",
});

/** The schema of a recipient as imports bring them, who can only switch types that exist; it comes out as a change. */
export const createChangeSchema = (
  mode: WriteMode,
  rulebook: Rulebook,
): z.ZodType<RecipientChange> =>
  mode === "merge"
    ? importedPatch.superRefine(refineTypes(rulebook)).transform(mergeRecipient)
    : importedRecipient.superRefine(refineTypes(rulebook)).transform(replaceRecipient);
