import { useEffect, useRef, useState } from "react";
import { type Draft, isSameDraft } from "./draft.ts";
import { dropDraft, findDrafts, keepDraft, type KeptDraft } from "./drafts.ts";

/** How long typing has to rest before the text is kept. */
const restMs = 300;

/** A text as it was saved, with its version; 0 for a template that does not exist yet. */
export interface Baseline {
  number: number;
  draft: Draft;
}

/**
 * The text that is edited. While it differs from the saved one it is kept in this browser, and a text that an earlier page has kept is
 * offered.
 */
export function useDraft(template: string, first: Baseline) {
  const [baseline, setBaseline] = useState(first);
  const [draft, setDraft] = useState(first.draft);
  const [page] = useState(() => crypto.randomUUID());
  const [offer, setOffer] = useState<KeptDraft | null>(null);
  const isDirty = !isSameDraft(draft, baseline.draft);

  const pending = useRef<KeptDraft | null>(null);
  useEffect(() => {
    if (!isDirty) {
      pending.current = null;
      void dropDraft(page);
      return;
    }
    const kept = {
      ...draft,
      id: page,
      template,
      base: baseline.number,
      at: new Date().toISOString(),
    };
    pending.current = kept;
    const timer = setTimeout(() => {
      pending.current = null;
      void keepDraft(kept);
    }, restMs);
    return () => clearTimeout(timer);
  }, [draft, isDirty, baseline.number, template, page]);
  // What was typed last is kept too when the page is left.
  useEffect(() => {
    const flush = () => {
      if (pending.current) void keepDraft(pending.current);
      pending.current = null;
    };
    addEventListener("pagehide", flush);
    return () => {
      removeEventListener("pagehide", flush);
      flush();
    };
  }, []);

  const firstDraft = useRef(first.draft);
  useEffect(() => {
    let isGone = false;
    void findDrafts(template, page).then((found) => {
      const latest = found.find((each) => !isSameDraft(each, firstDraft.current));
      if (!isGone && latest) setOffer(latest);
    });
    return () => {
      isGone = true;
    };
  }, [template, page]);

  return {
    baseline,
    draft,
    setDraft,
    isDirty,
    /** A text of an earlier page, which is restored or dropped. */
    offer,
    restore(): void {
      if (!offer) return;
      setDraft({ content: offer.content, variables: offer.variables });
      void dropDraft(offer.id);
      setOffer(null);
    },
    discard(): void {
      if (offer) void dropDraft(offer.id);
      setOffer(null);
    },
    /** Says that a text has been saved. What was typed meanwhile stays. */
    markSaved: (saved: Baseline) => setBaseline(saved),
    /** Shows another text, in place of one that is saved. */
    open(next: Baseline): void {
      setBaseline(next);
      setDraft(next.draft);
    },
  };
}
