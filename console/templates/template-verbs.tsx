import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { Chip } from "../parts/status-chip.tsx";
import { showToast } from "../parts/toast.tsx";
import { modKey } from "../shell/shortcuts.ts";
import { formatNoun } from "../words/numbers.ts";
import type { JsonObject } from "../parts/json-schema.ts";
import { activateVersion } from "./actions.ts";
import { DuplicateDialog } from "./duplicate-dialog.tsx";
import type { Template } from "./queries.ts";
import { TestDialog } from "./test-dialog.tsx";

interface TemplateVerbsProps {
  template: Template;
  /** The version that is shown. */
  version: number;
  /** The number under which the text would be saved. */
  next: number;
  isDirty: boolean;
  isSaving: boolean;
  /** Saves the text, and resolves with its version; null if that failed. */
  save: () => Promise<number | null>;
  data: JsonObject;
  recipient: string | undefined;
  isTesting: boolean;
  setTesting: (isTesting: boolean) => void;
}

/** What can be done with a template that is open. */
export function TemplateVerbs(props: TemplateVerbsProps) {
  const { template, version, next, isDirty, isSaving, save, isTesting, setTesting } = props;
  const [asked, ask] = useState<"activate" | "duplicate" | null>(null);
  const navigate = useNavigate();
  const isActive = version === template.activeVersion.version;
  return (
    <>
      {template.archivedAt !== null && <Chip tone="cancelled" icon="stop" word="Archived" />}
      {isDirty ? (
        <Chip tone="unknown" icon="circle" word="Not saved" />
      ) : (
        isActive && <Chip tone="delivered" icon="check" word={`Version ${version} is active`} />
      )}
      <Button
        icon="send"
        needs="sender"
        title={`Send a test (t, or ${modKey} Shift T)`}
        onClick={() => setTesting(true)}
      >
        Test
      </Button>
      <Button icon="duplicate" needs="sender" onClick={() => ask("duplicate")}>
        Duplicate
      </Button>
      {!isDirty && !isActive && (
        <Button icon="check" needs="sender" onClick={() => ask("activate")}>
          Activate version {version}
        </Button>
      )}
      <Button
        kind="primary"
        needs="sender"
        title={`Save (${modKey} S)`}
        disabled={!isDirty || isSaving}
        onClick={() => void save()}
      >
        {isSaving ? "Saving…" : `Save as version ${next}`}
      </Button>
      {asked === "activate" && (
        <ActivateDialog template={template} version={version} onClose={() => ask(null)} />
      )}
      {asked === "duplicate" && (
        <DuplicateDialog
          template={template}
          version={version}
          onClose={() => ask(null)}
          onDone={(key) => void navigate({ to: "/templates/$key", params: { key } })}
        />
      )}
      {isTesting && <TestDialog {...props} onClose={() => setTesting(false)} />}
    </>
  );
}

function ActivateDialog({
  template: { key, name, activeVersion, unfinishedCampaigns },
  version,
  onClose,
}: {
  template: Template;
  version: number;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const before = activeVersion.version;
  const reload = () => client.invalidateQueries({ queryKey: ["template", key] });
  const change = useMutation({
    mutationFn: () => activateVersion(key, version),
    onSuccess: () => {
      onClose();
      showToast(`Version ${version} is active.`, {
        undo: () =>
          void activateVersion(key, before).then(reload, (error: Error) =>
            showToast(`Version ${version} stays active: ${error.message}`, { icon: "warning" }),
          ),
      });
    },
    onSettled: reload,
  });
  return (
    <ConfirmDialog
      title={`Activate version ${version}: ${name}`}
      keep={`Leave version ${before} active`}
      act={`Activate version ${version}`}
      needs="sender"
      change={change}
      onClose={onClose}
    >
      <p>
        Requests that name no version use version {version} from now on, in place of version{" "}
        {before}.
      </p>
      <p>
        Messages that were accepted before keep the version that they have
        {unfinishedCampaigns > 0 &&
          `, and so ${unfinishedCampaigns === 1 ? "does" : "do"} ${formatNoun(unfinishedCampaigns, "campaign")} of this template that ${unfinishedCampaigns === 1 ? "has" : "have"} not ended, drafts among them`}
        .
      </p>
    </ConfirmDialog>
  );
}
