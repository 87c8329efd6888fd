import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { ApiProblem, isTransient } from "../api/problem.ts";
import { includesRole, useSession } from "../api/session.ts";
import { bodyOf, changesOf, type Draft, startOf } from "./draft.ts";
import { draftName, forgetDraft, keepDraft, type KeptDraft } from "./draft-store.ts";
import { faultsOf, findMissing, type FoundProblem } from "./problems.ts";
import {
  createCampaign,
  editCampaign,
  forecastQuery,
  readCampaign,
  type Stored,
} from "./queries.ts";
import { useDebounced } from "./use-debounced.ts";

/** How long nothing is typed before the draft is checked and saved. */
const pauseMs = 600;

/** How long after a failure of the API, or the end of the session, the draft is saved again. */
const retryMs = 5_000;
const mayPass = (error: unknown) =>
  isTransient(error) || (error instanceof ApiProblem && error.status === 401);

export interface BuilderStart {
  draft: Draft;
  stored: Stored | null;
  tested: string | null;
}

/** Somebody else has changed the campaign since the version on which the draft is based. */
export interface Conflict {
  base: Stored;
  theirs: Stored;
}

/** The message of a draft, as far as a test message shows it. */
const messageOf = ({ template, data }: Draft) => JSON.stringify([template, data]);

/**
 * The state of the builder: the draft, what is wrong with it, its forecast, and where it is saved. Each change is kept in the browser at once. A draft that
 * the API accepts is saved there; a campaign that is scheduled or runs changes only when that is confirmed.
 */
export function useBuilder(start: BuilderStart, keeps: boolean, onCreated: (id: string) => void) {
  const { actor, role } = useSession();
  const client = useQueryClient();
  const [draft, setDraft] = useState(start.draft);
  const [stored, setStored] = useState(start.stored);
  const [tested, setTested] = useState(start.tested);
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const [saveError, setSaveError] = useState<unknown>(null);
  const [savedAt, setSavedAt] = useState<Date | null>(null);
  const [isSaving, setSaving] = useState(false);
  const [isEdited, setEdited] = useState(false);
  const key = useRef(crypto.randomUUID());
  const latest = useRef({ draft, stored, tested });

  const isNew = stored === null;
  const isFrozen = stored !== null && stored.campaign.frozenAt !== null;
  const savesItself = isNew || stored.campaign.status === "draft";
  const mayWrite = includesRole(role, "sender");
  const name = draftName(actor, stored?.campaign.id ?? null);

  const keep = useCallback(
    (changed: Partial<KeptDraft>) => {
      if (!keeps) return;
      void keepDraft(name, {
        draft: latest.current.draft,
        base: latest.current.stored,
        tested: latest.current.tested,
        keptAt: Date.now(),
        ...changed,
      });
    },
    [name, keeps],
  );
  const update = useCallback(
    (change: Partial<Draft>) => {
      const changed = { ...latest.current.draft, ...change };
      latest.current.draft = changed;
      setDraft(changed);
      setEdited(true);
      setSaveError(null);
      keep({ draft: changed });
    },
    [keep],
  );
  const markTested = () => {
    const message = messageOf(draft);
    latest.current.tested = message;
    setTested(message);
    keep({ tested: message });
  };

  const settled = useDebounced(draft, pauseMs);
  const missing = findMissing(draft);
  const settledMissing = findMissing(settled);
  const body = settledMissing.length === 0 ? bodyOf(settled) : null;
  const startAt = startOf(settled.timing);
  const forecast = useQuery({
    ...forecastQuery({ ...body!, ...(startAt != null && { startAt }) }),
    enabled: body !== null && !isFrozen,
    placeholderData: (previous) => (body === null ? undefined : previous),
  });
  const faults: FoundProblem[] =
    body === null ? [] : [...faultsOf(forecast.error), ...faultsOf(saveError)];
  const isChecked = body !== null && forecast.isSuccess && !forecast.isPlaceholderData;
  const isSettled = settled === draft;

  /** Saves the draft on the server. Resolves with null if somebody else has changed the campaign, or the API refuses it. */
  const save = useCallback(async (): Promise<Stored | null> => {
    const { draft: saved, stored: before } = latest.current;
    setSaving(true);
    setSaveError(null);
    try {
      let after: Stored;
      if (before === null) {
        after = await createCampaign(bodyOf(saved)!, key.current);
        await forgetDraft(draftName(actor, null));
      } else {
        const { startAt: moved, ...rest } = changesOf(saved, before.campaign);
        // A draft with a start would be scheduled.
        const change = before.campaign.status === "draft" ? rest : { ...rest, startAt: moved };
        after =
          Object.values(change).filter((value) => value !== undefined).length === 0
            ? before
            : await editCampaign(before.campaign.id, change, before.etag);
      }
      latest.current.stored = after;
      setStored(after);
      setSavedAt(new Date());
      const own = draftName(actor, after.campaign.id);
      // What the server does not have yet stays in the browser.
      if (latest.current.draft === saved && saved.timing.kind === "now") await forgetDraft(own);
      else
        await keepDraft(own, {
          draft: latest.current.draft,
          base: after,
          tested: latest.current.tested,
          keptAt: Date.now(),
        });
      void client.invalidateQueries({ queryKey: ["campaigns"] });
      void client.invalidateQueries({ queryKey: ["campaign", after.campaign.id] });
      if (before === null) onCreated(after.campaign.id);
      return after;
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 412 && before !== null)
        setConflict({ base: before, theirs: await readCampaign(before.campaign.id) });
      else setSaveError(error);
      return null;
    } finally {
      setSaving(false);
    }
  }, [actor, client, onCreated]);

  const change =
    stored === null || bodyOf(draft) === null ? null : changesOf(draft, stored.campaign);
  if (change && stored?.campaign.status === "draft") delete change.startAt;
  // What is not complete cannot be compared with what is stored.
  const isDirty = change === null ? isEdited : Object.keys(change).length > 0;
  const shouldSave =
    savesItself &&
    mayWrite &&
    isChecked &&
    isSettled &&
    isDirty &&
    !isSaving &&
    !conflict &&
    !saveError;
  useEffect(() => {
    if (!shouldSave) return;
    const timer = setTimeout(() => void save());
    return () => clearTimeout(timer);
  }, [shouldSave, save]);

  useEffect(() => {
    if (!savesItself || saveError === null || !mayPass(saveError)) return;
    const timer = setTimeout(() => setSaveError(null), retryMs);
    return () => clearTimeout(timer);
  }, [savesItself, saveError]);

  /** Goes on with what was merged from both versions. */
  const resolve = (merged: Draft, theirs: Stored) => {
    latest.current = { ...latest.current, draft: merged, stored: theirs };
    setDraft(merged);
    setStored(theirs);
    setConflict(null);
    setEdited(true);
    void keepDraft(name, { draft: merged, base: theirs, tested, keptAt: Date.now() });
  };

  return {
    draft,
    update,
    stored,
    isFrozen,
    savesItself,
    missing,
    faults,
    forecast,
    isCurrent: isChecked && isSettled,
    isDirty,
    isEdited,
    isSaving,
    savedAt,
    saveError,
    save,
    change,
    conflict,
    resolve,
    isTested: tested === messageOf(draft),
    markTested,
    forget: () => forgetDraft(name),
  };
}

export type Builder = ReturnType<typeof useBuilder>;
