import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { ApiProblem } from "../api/problem.ts";
import { useEditingKeys, useSaveKey } from "../editor/editing-keys.ts";
import { LeaveDialog } from "../editor/leave-dialog.tsx";
import { Page } from "../parts/page.tsx";
import { Loading, ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { useShortcuts } from "../shell/shortcuts.ts";
import { saveVersion } from "./actions.ts";
import { draftOf } from "./draft.ts";
import { DraftOffer, NewerVersion } from "./notices.tsx";
import { type Template, type Version, versionQuery } from "./queries.ts";
import type { EditorSearch } from "./search.ts";
import { TemplateVerbs } from "./template-verbs.tsx";
import { useDraft } from "./use-draft.ts";
import { faultsOf } from "./use-preview.ts";
import { useTrial } from "./use-trial.ts";
import { VersionsPanel } from "./versions-panel.tsx";
import { Workbench } from "./workbench.tsx";

const ComparePanel = lazy(() => import("./compare-panel.tsx"));

const baselineOf = (version: Version) => ({ number: version.version, draft: draftOf(version) });

/** Edits a template. Saving adds a version, and changes none. */
export function TemplateEditor({ template, first }: { template: Template; first: Version }) {
  const { key, latestVersion } = template;
  const search = useSearch({ from: "/templates/$key" });
  const navigate = useNavigate({ from: "/templates/$key" });
  const client = useQueryClient();
  const editing = useDraft(key, baselineOf(first));
  const { baseline, draft, setDraft, isDirty } = editing;
  const trial = useTrial(draft);
  const [known, setKnown] = useState(latestVersion);
  const [saving, setSaving] = useState<{ isPending: boolean; error: unknown }>(notSaving);
  const [isTesting, setTesting] = useState(false);

  const change = (changed: EditorSearch, replace = true) =>
    navigate({ search: (before) => ({ ...before, ...changed }), replace });
  const wanted = Number(search.version ?? baseline.number);
  const other = useQuery({ ...versionQuery(key, wanted), enabled: wanted !== baseline.number });
  // What is not saved stays, whatever the address says.
  if (!isDirty && wanted !== baseline.number && other.data?.version === wanted)
    editing.open(baselineOf(other.data));

  /** Saves the text, and resolves with its version; null if that failed. */
  async function save(after = known): Promise<number | null> {
    if (!isDirty) return baseline.number;
    if (!trial.isSchemaValid || saving.isPending) return null;
    setSaving({ isPending: true, error: null });
    try {
      const { latestVersion: number } = await saveVersion(key, draft, after);
      await change({ version: undefined });
      editing.markSaved({ number, draft });
      setKnown(number);
      setSaving(notSaving);
      showToast(`Saved as version ${number}. It is not active yet.`);
      void client.invalidateQueries({ queryKey: ["template", key] });
      return number;
    } catch (error) {
      setSaving({ isPending: false, error });
      if (error instanceof ApiProblem && error.status === 409)
        void client.invalidateQueries({ queryKey: ["template", key] });
      return null;
    }
  }

  const step = (by: number) => {
    const from = Number((isDirty ? search.compare : undefined) ?? wanted);
    const to = Math.min(Math.max(from + by, 1), latestVersion);
    void change(isDirty ? { compare: String(to) } : { version: String(to), compare: undefined });
  };
  useShortcuts({ "[": () => step(-1), "]": () => step(1), t: () => setTesting(true) });
  useSaveKey(() => void save());
  useEditingKeys({ "shift+t": () => setTesting(true) });

  const isConflict = saving.error instanceof ApiProblem && saving.error.status === 409;
  const isShownAtFields = faultsOf(saving.error).size > 0;
  return (
    <Page
      up={{ to: "/templates", name: "Templates" }}
      title={template.name}
      documentTitle="Template"
      actions={
        <TemplateVerbs
          template={template}
          version={baseline.number}
          next={known + 1}
          isDirty={isDirty}
          isSaving={saving.isPending}
          save={save}
          data={trial.data}
          recipient={search.recipient}
          isTesting={isTesting}
          setTesting={setTesting}
        />
      }
    >
      <LeaveDialog
        isUnsaved={isDirty}
        consequence="Your text is not saved. This browser keeps it, and offers it when you open the template again here."
      />
      {editing.offer && (
        <DraftOffer
          offer={editing.offer}
          onRestore={() => editing.restore()}
          onDiscard={() => editing.discard()}
        />
      )}
      {latestVersion > known && (
        <NewerVersion
          templateKey={key}
          version={latestVersion}
          isDirty={isDirty}
          onCompare={() => void change({ compare: String(latestVersion) }, false)}
          onKeep={() => {
            setKnown(latestVersion);
            setSaving(notSaving);
          }}
          onOpen={() => {
            setKnown(latestVersion);
            void change({ version: String(latestVersion), compare: undefined });
          }}
        />
      )}
      {saving.error != null && !isConflict && !isShownAtFields && (
        <ProblemBanner error={saving.error} retry={() => void save()} />
      )}
      {search.compare === undefined ? (
        <Workbench
          draft={draft}
          onDraft={setDraft}
          trial={trial}
          search={search}
          onSearch={(changed) => void change(changed)}
          saveError={saving.error}
        >
          <VersionsPanel template={template} shown={baseline.number} isDirty={isDirty} />
        </Workbench>
      ) : (
        <Suspense fallback={<Loading what="the comparison" />}>
          <ComparePanel
            template={template}
            version={Number(search.compare)}
            draft={draft}
            name={isDirty ? "Your text" : `Version ${baseline.number}`}
            trial={trial}
          />
        </Suspense>
      )}
    </Page>
  );
}

const notSaving = { isPending: false, error: null };
