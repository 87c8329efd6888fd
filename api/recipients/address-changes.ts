import { publicId } from "../../domain/ids.ts";
import { type Change, changeOf } from "../http/audit.ts";
import type { RecipientRow } from "./store.ts";
import type { Stored } from "./upsert.ts";

const addressesOf = ({ email, phone }: RecipientRow) => ({ email, phone });

/**
 * Makes an audit entry for each recipient whose email address or phone number has changed, as a change of a single recipient does. The
 * entry of a bulk change has only counts, but the audit trail must show for each recipient where messages go. Erasing a recipient
 * empties these entries.
 */
export const addressChanges = (stored: readonly Stored[]): Change[] =>
  stored.flatMap((result) => {
    if (result.status !== "changed" || result.before === null) return [];
    const change = changeOf(
      "recipient.update",
      publicId("recipient", result.after.id),
      addressesOf(result.before),
      addressesOf(result.after),
    );
    return Object.keys(change.before ?? {}).length === 0 ? [] : [change];
  });
