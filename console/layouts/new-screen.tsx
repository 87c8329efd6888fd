import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useSaveKey } from "../editor/editing-keys.ts";
import { LeaveDialog } from "../editor/leave-dialog.tsx";
import { Button } from "../parts/button.tsx";
import { Page } from "../parts/page.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { modKey } from "../shell/shortcuts.ts";
import { readText } from "../templates/draft.ts";
import { NameFields } from "../templates/name-fields.tsx";
import { DraftOffer } from "../templates/notices.tsx";
import { useDraft } from "../templates/use-draft.ts";
import { faultsOf } from "../templates/use-preview.ts";
import { layoutDraft, LayoutWorkbench } from "./layout-workbench.tsx";
import { createLayout } from "./queries.ts";

const begin = layoutDraft(`<!doctype html>
<html lang="{{ recipient.locale }}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
  </head>
  <body style="margin:0;background:#f5f6f8">
    <table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
      <tr>
        <td align="center" style="padding:24px 8px">
          <table role="presentation" width="600" cellpadding="0" cellspacing="0" border="0" style="width:100%;max-width:600px;background:#ffffff">
            <tr>
              <td>{{ content_for_layout }}</td>
            </tr>
          </table>
        </td>
      </tr>
    </table>
  </body>
</html>
`);

/** A layout that does not exist yet. */
export function NewLayoutScreen() {
  const search = useSearch({ from: "/layouts/new" });
  const navigate = useNavigate({ from: "/layouts/new" });
  const editing = useDraft("layout", { number: 0, draft: begin });
  const { draft, setDraft } = editing;
  const html = readText(draft.content, ["html"]);
  const [named, setNamed] = useState({ name: "", key: "" });
  const [saving, setSaving] = useState<{ isPending: boolean; error: unknown }>({
    isPending: false,
    error: null,
  });

  async function save(): Promise<void> {
    if (saving.isPending) return;
    setSaving({ isPending: true, error: null });
    try {
      await createLayout({ ...named, html });
      editing.markSaved({ number: 1, draft });
      showToast("The layout is created.");
      await navigate({ to: "/layouts/$key", params: { key: named.key }, ignoreBlocker: true });
    } catch (error) {
      setSaving({ isPending: false, error });
    }
  }
  useSaveKey(() => void save());
  const faults = faultsOf(saving.error);
  return (
    <Page
      up={{ to: "/layouts", name: "Layouts" }}
      title="New layout"
      documentTitle="New layout"
      actions={
        <Button
          kind="primary"
          needs="sender"
          title={`Save (${modKey} S)`}
          disabled={saving.isPending}
          onClick={() => void save()}
        >
          {saving.isPending ? "Creating…" : "Create the layout"}
        </Button>
      }
    >
      <LeaveDialog
        isUnsaved={editing.isDirty || named.name !== ""}
        consequence="The layout is not created. This browser keeps its text, and offers it when you begin a new layout here."
      />
      {editing.offer && (
        <DraftOffer
          offer={editing.offer}
          onRestore={() => editing.restore()}
          onDiscard={() => editing.discard()}
        />
      )}
      {saving.error != null && faults.size === 0 && <ProblemBanner error={saving.error} />}
      <NameFields named={named} onChange={setNamed} faults={faults} />
      <LayoutWorkbench
        html={html}
        onHtml={(text) => setDraft(layoutDraft(text))}
        search={search}
        onSearch={(changed) =>
          void navigate({ search: (before) => ({ ...before, ...changed }), replace: true })
        }
        saveError={saving.error}
      />
    </Page>
  );
}
