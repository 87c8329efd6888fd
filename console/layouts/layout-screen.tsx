import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { ApiProblem } from "../api/problem.ts";
import { useSaveKey } from "../editor/editing-keys.ts";
import { LeaveDialog } from "../editor/leave-dialog.tsx";
import { Button } from "../parts/button.tsx";
import { Page } from "../parts/page.tsx";
import { Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { Chip } from "../parts/status-chip.tsx";
import { showToast } from "../parts/toast.tsx";
import { modKey } from "../shell/shortcuts.ts";
import { readText } from "../templates/draft.ts";
import { DraftOffer, Notice } from "../templates/notices.tsx";
import { useDraft } from "../templates/use-draft.ts";
import { faultsOf } from "../templates/use-preview.ts";
import { layoutDraft, LayoutWorkbench } from "./layout-workbench.tsx";
import { LayoutUsers, LayoutVersions } from "./layout-panels.tsx";
import { changeLayout, type Layout, layoutQuery } from "./queries.ts";

const LayoutComparison = lazy(() => import("./layout-comparison.tsx"));

/** One layout: its HTML, a preview of it, its versions and who includes it. */
export function LayoutScreen() {
  const { key } = useParams({ from: "/layouts/$key" });
  const { data, error, refetch } = useQuery(layoutQuery(key));
  if (data) return <LayoutEditor key={key} layout={data} />;
  return (
    <Page up={{ to: "/layouts", name: "Layouts" }} title={key} documentTitle="Layout">
      {error ? (
        <Failed what="this layout" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="the layout" rows={10} />
      )}
    </Page>
  );
}

/** Edits a layout. Saving changes the layout, and no template version that includes it. */
function LayoutEditor({ layout }: { layout: Layout }) {
  const { key, name, version } = layout;
  const search = useSearch({ from: "/layouts/$key" });
  const navigate = useNavigate({ from: "/layouts/$key" });
  const client = useQueryClient();
  const editing = useDraft(`layout ${key}`, { number: version, draft: layoutDraft(layout.html) });
  const { baseline, draft, setDraft, isDirty } = editing;
  const [saving, setSaving] = useState<{ isPending: boolean; error: unknown }>(notSaving);
  const html = readText(draft.content, ["html"]);
  // Without a text of one's own, what others save is shown at once.
  if (!isDirty && version > baseline.number)
    editing.open({ number: version, draft: layoutDraft(layout.html) });

  async function save(): Promise<void> {
    if (!isDirty || saving.isPending) return;
    setSaving({ isPending: true, error: null });
    try {
      const saved = await changeLayout(key, html, baseline.number);
      client.setQueryData(layoutQuery(key).queryKey, saved);
      editing.markSaved({ number: saved.version, draft });
      setSaving(notSaving);
      showToast(`Saved as version ${saved.version}. Templates take it when they are saved.`);
      void client.invalidateQueries({ queryKey: ["layout", key] });
    } catch (error) {
      setSaving({ isPending: false, error });
      if (error instanceof ApiProblem && error.status === 412)
        void client.invalidateQueries({ queryKey: ["layout", key] });
    }
  }
  useSaveKey(() => void save());
  const isBehind = isDirty && version > baseline.number;
  return (
    <Page
      up={{ to: "/layouts", name: "Layouts" }}
      title={name}
      documentTitle="Layout"
      actions={
        <>
          {isDirty && <Chip tone="unknown" icon="circle" word="Not saved" />}
          <Button
            kind="primary"
            needs="sender"
            title={`Save (${modKey} S)`}
            disabled={!isDirty || saving.isPending}
            onClick={() => void save()}
          >
            {saving.isPending ? "Saving…" : `Save as version ${baseline.number + 1}`}
          </Button>
        </>
      }
    >
      <LeaveDialog
        isUnsaved={isDirty}
        consequence="Your text is not saved. This browser keeps it, and offers it when you open the layout again here."
      />
      {editing.offer && (
        <DraftOffer
          offer={editing.offer}
          onRestore={() => editing.restore()}
          onDiscard={() => editing.discard()}
        />
      )}
      {isBehind && (
        <Notice
          actions={
            <>
              <Button
                onClick={() =>
                  void navigate({ search: (before) => ({ ...before, compare: String(version) }) })
                }
              >
                Compare
              </Button>
              <Button
                kind="primary"
                onClick={() => {
                  editing.markSaved({ number: version, draft: layoutDraft(layout.html) });
                  setSaving(notSaving);
                }}
              >
                Keep my text for version {version + 1}
              </Button>
            </>
          }
        >
          <strong>Version {version} was saved meanwhile.</strong> Your text is unchanged, and is not
          saved.
        </Notice>
      )}
      {saving.error != null && !isBehind && faultsOf(saving.error).size === 0 && (
        <ProblemBanner error={saving.error} retry={() => void save()} />
      )}
      {search.compare === undefined ? (
        <LayoutWorkbench
          html={html}
          onHtml={(text) => setDraft(layoutDraft(text))}
          search={search}
          onSearch={(changed) =>
            void navigate({ search: (before) => ({ ...before, ...changed }), replace: true })
          }
          saveError={saving.error}
        >
          <LayoutUsers layout={layout} />
          <LayoutVersions layout={layout} />
        </LayoutWorkbench>
      ) : (
        <Suspense fallback={<Loading what="the comparison" />}>
          <LayoutComparison
            layout={layout}
            version={Number(search.compare)}
            html={html}
            name={isDirty ? "Your text" : `Version ${baseline.number}`}
          />
        </Suspense>
      )}
    </Page>
  );
}

const notSaving = { isPending: false, error: null };
