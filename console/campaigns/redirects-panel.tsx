import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { Panel } from "../parts/page.tsx";
import { Chip } from "../parts/status-chip.tsx";
import { showToast } from "../parts/toast.tsx";
import { switchRedirects } from "./engagement-queries.ts";
import styles from "./engagement.module.css";
import type { Campaign } from "./queries.ts";

/** Shows whether the tracked links of a campaign lead on, and switches them off and on. */
export function RedirectsPanel({ campaign: { id, name, redirects } }: { campaign: Campaign }) {
  const [isAsking, setAsking] = useState(false);
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: () => switchRedirects(id, !redirects),
    async onSuccess() {
      await client.invalidateQueries({ queryKey: ["campaign", id] });
      setAsking(false);
      showToast(`The links of “${name}” are switched ${redirects ? "off" : "on"}.`);
    },
  });
  const act = redirects ? "Switch the links off" : "Switch the links on";
  return (
    <Panel title="Redirects">
      <div className={styles.switch}>
        {redirects ? (
          <Chip tone="delivered" icon="check" word="Links lead to their targets" />
        ) : (
          <Chip tone="failed" icon="stop" word="Links are switched off" />
        )}
        <p>
          {redirects
            ? "The links of the emails lead through Tidings, which counts who follows them. Switch them off if one of them is abused."
            : "Anybody who follows a link of these emails sees a page that says that it was switched off. Nothing is counted."}
        </p>
        <Button
          needs="sender"
          icon={redirects ? "stop" : "play"}
          onClick={() => {
            change.reset();
            setAsking(true);
          }}
        >
          {act}
        </Button>
      </div>
      {isAsking && (
        <ConfirmDialog
          title={`${act}: ${name}`}
          keep="Leave them as they are"
          act={act}
          kind={redirects ? "danger" : "primary"}
          needs="sender"
          change={change}
          onClose={() => setAsking(false)}
        >
          <p>
            {redirects
              ? "Within a second, every tracked link of the emails of this campaign shows a page that says that it was switched off, also in emails that were sent long ago. Links to unsubscribe keep working. You can switch them on again at any time."
              : "Within a second, the links lead to their targets again, and who follows them is counted."}
          </p>
        </ConfirmDialog>
      )}
    </Panel>
  );
}
