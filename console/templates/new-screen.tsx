import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useSaveKey } from "../editor/editing-keys.ts";
import { LeaveDialog } from "../editor/leave-dialog.tsx";
import { Button } from "../parts/button.tsx";
import { Page } from "../parts/page.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { modKey } from "../shell/shortcuts.ts";
import { createTemplate } from "./actions.ts";
import { emptyDraft } from "./draft.ts";
import { NameFields } from "./name-fields.tsx";
import { DraftOffer } from "./notices.tsx";
import { useDraft } from "./use-draft.ts";
import { faultsOf } from "./use-preview.ts";
import { useTrial } from "./use-trial.ts";
import { Workbench } from "./workbench.tsx";

/** A template that does not exist yet. */
export function NewTemplateScreen() {
  const search = useSearch({ from: "/templates/new" });
  const navigate = useNavigate({ from: "/templates/new" });
  const editing = useDraft("", { number: 0, draft: emptyDraft });
  const { draft, setDraft } = editing;
  const trial = useTrial(draft);
  const [named, setNamed] = useState({ name: "", key: "" });
  const [saving, setSaving] = useState<{ isPending: boolean; error: unknown }>({
    isPending: false,
    error: null,
  });

  async function save(): Promise<void> {
    if (!trial.isSchemaValid || saving.isPending) return;
    setSaving({ isPending: true, error: null });
    try {
      await createTemplate(named, draft);
      editing.markSaved({ number: 1, draft });
      showToast("The template is created. Its version 1 is active.");
      await navigate({ to: "/templates/$key", params: { key: named.key }, ignoreBlocker: true });
    } catch (error) {
      setSaving({ isPending: false, error });
    }
  }
  useSaveKey(() => void save());
  const faults = faultsOf(saving.error);
  const isShownAtFields =
    faults.size > 0 &&
    [...faults.keys()].every((field) => /^\/(name|key|content|variables)/.test(field));
  return (
    <Page
      up={{ to: "/templates", name: "Templates" }}
      title="New template"
      documentTitle="New template"
      actions={
        <Button
          kind="primary"
          needs="sender"
          title={`Save (${modKey} S)`}
          disabled={saving.isPending}
          onClick={() => void save()}
        >
          {saving.isPending ? "Creating…" : "Create the template"}
        </Button>
      }
    >
      <LeaveDialog
        isUnsaved={editing.isDirty || named.name !== ""}
        consequence="The template is not created. This browser keeps its text, and offers it when you begin a new template here."
      />
      {editing.offer && (
        <DraftOffer
          offer={editing.offer}
          onRestore={() => editing.restore()}
          onDiscard={() => editing.discard()}
        />
      )}
      {saving.error != null && !isShownAtFields && <ProblemBanner error={saving.error} />}
      <NameFields named={named} onChange={setNamed} faults={faults} />
      <Workbench
        draft={draft}
        onDraft={setDraft}
        trial={trial}
        search={search}
        onSearch={(changed) =>
          void navigate({ search: (before) => ({ ...before, ...changed }), replace: true })
        }
        saveError={saving.error}
      />
    </Page>
  );
}
