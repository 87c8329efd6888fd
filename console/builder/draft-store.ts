import { withStore } from "../parts/browser-store.ts";
import type { Draft } from "./draft.ts";
import type { Stored } from "./queries.ts";

/** A draft as the browser keeps it, until it is saved or discarded. */
export interface KeptDraft {
  draft: Draft;
  /** When it was kept, in epoch milliseconds. */
  keptAt: number;
  /** The version of the campaign on which the draft is based; null for a campaign that does not exist yet. */
  base: Stored | null;
  /** The message of which a test was sent last. */
  tested: string | null;
}

/** The name under which the draft of a person for a campaign, or for a new one, is kept. */
export const draftName = (person: string, campaign: string | null) =>
  `${person} ${campaign ?? "new"}`;

// A browser may refuse storage, as private windows do: the draft is then only on the page.

export async function readDraft(name: string): Promise<KeptDraft | null> {
  try {
    return (
      (await withStore<KeptDraft | undefined>("campaign-drafts", "readonly", (store) =>
        store.get(name),
      )) ?? null
    );
  } catch {
    return null;
  }
}

export const keepDraft = (name: string, kept: KeptDraft): Promise<unknown> =>
  withStore("campaign-drafts", "readwrite", (store) => store.put(kept, name)).catch(() => {});

export const forgetDraft = (name: string): Promise<unknown> =>
  withStore("campaign-drafts", "readwrite", (store) => store.delete(name)).catch(() => {});
