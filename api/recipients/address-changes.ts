import { publicId } from "../../domain/ids.ts";
import { type Change, changeOf } from "../http/audit.ts";
import type { RecipientRow } from "./store.ts";
import type { Stored } from "./upsert.ts";

const reachOf = ({ email, phone }: RecipientRow) => ({ email, phone });

/**
 * An entry for each recipient who is reached elsewhere from now on, as a change of one of them has it: of many at once the audit trail has
 * counts besides, but where somebody's messages go must be seen for each. Erasure empties entries about a recipient.
 */
export const addressChanges = (stored: readonly Stored[]): Change[] =>
  stored.flatMap((one) => {
    if (one.status !== "changed" || one.before === null) return [];
    const change = changeOf(
      "recipient.update",
      publicId("recipient", one.after.id),
      reachOf(one.before),
      reachOf(one.after),
    );
    return Object.keys(change.before ?? {}).length === 0 ? [] : [change];
  });
