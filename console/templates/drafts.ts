import { dayMs } from "../../domain/time/durations.ts";
import { withStore } from "../parts/browser-store.ts";
import type { Draft } from "./draft.ts";

/** A text that was not saved, as this browser keeps it. */
export interface KeptDraft extends Draft {
  /** The page that it was written in, and of which template. */
  id: string;
  template: string;
  /** The version that it began with; 0 for a new template. */
  base: number;
  /** When it was kept, as an ISO instant. */
  at: string;
}

/** How long a text is kept that nobody came back for. */
const keptMs = 30 * dayMs;

/** Keeps a text in this browser. Where the browser keeps nothing, as in some private windows, the text is only in the page. */
export const keepDraft = (draft: KeptDraft): Promise<unknown> =>
  withStore("drafts", "readwrite", (store) => store.put(draft)).catch(() => null);

export const dropDraft = (id: string): Promise<unknown> =>
  withStore("drafts", "readwrite", (store) => store.delete(id)).catch(() => null);

/** Lists the texts of a template that were kept by other pages, the latest first, and removes those that are too old. */
export async function findDrafts(template: string, ownId: string): Promise<KeptDraft[]> {
  const all = await withStore(
    "drafts",
    "readonly",
    (store) => store.getAll() as IDBRequest<KeptDraft[]>,
  ).catch(() => []);
  const oldest = new Date(Date.now() - keptMs).toISOString();
  await Promise.all(all.filter(({ at }) => at < oldest).map(({ id }) => dropDraft(id)));
  return all
    .filter((each) => each.template === template && each.id !== ownId && each.at >= oldest)
    .toSorted((a, b) => b.at.localeCompare(a.at));
}
