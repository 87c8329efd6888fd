import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { Button } from "../parts/button.tsx";
import { useConfirmNumber } from "../parts/confirm-number.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Check } from "../parts/form.tsx";
import { Instant } from "../parts/instant.tsx";
import { useNow } from "../parts/now.ts";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { formatNoun } from "../words/numbers.ts";
import styles from "./builder.module.css";
import { useParts } from "./context.ts";
import { startOf } from "./draft.ts";
import { startCampaign } from "./queries.ts";

/** Asks whether to start the campaign, with the number of recipients, and starts it. */
export function LaunchDialog({ onClose }: { onClose: () => void }) {
  const {
    draft,
    forecast,
    isCurrent,
    isTested,
    isDirty,
    isSaving,
    save,
    stored,
    saveError,
    forget,
  } = useParts();
  const [isOverridden, setOverridden] = useState(false);
  const now = useNow();
  const client = useQueryClient();
  const navigate = useNavigate();
  const key = useRef(crypto.randomUUID());
  // A number that belongs to an earlier version of the draft is not asked for.
  const reachable = isCurrent ? forecast.data?.reachable : undefined;
  const confirmation = useConfirmNumber(reachable);
  const at = startOf(draft.timing) ?? null;
  const startAt = at !== null && Date.parse(at) > now.getTime() ? at : null;
  const launch = useMutation({
    mutationFn: async () => {
      const saved = isDirty || stored === null ? await save() : stored;
      // What kept it from being saved is shown.
      if (saved === null) return null;
      await startCampaign(saved.campaign.id, { startAt, withoutTestSend: !isTested }, key.current);
      return saved.campaign.id;
    },
    onSuccess: async (id) => {
      if (id === null) return;
      await forget();
      await client.invalidateQueries();
      showToast(startAt === null ? "The campaign starts." : "The campaign is scheduled.", {
        icon: startAt === null ? "play" : "clock",
      });
      void navigate({ to: "/campaigns/$id", params: { id } });
    },
  });
  const verb = startAt === null ? "Start" : "Schedule";
  return (
    <Dialog
      title={`${verb}: ${draft.name}`}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Not yet</Button>
          <Button
            kind="primary"
            icon={startAt === null ? "play" : "clock"}
            needs="sender"
            disabled={
              launch.isPending ||
              // Two requests that create the same campaign would meet.
              isSaving ||
              reachable === undefined ||
              !confirmation.isConfirmed ||
              !(isTested || isOverridden)
            }
            onClick={() => launch.mutate()}
          >
            {reachable === undefined ? verb : `${verb} for ${formatNoun(reachable, "recipient")}`}
          </Button>
        </>
      }
    >
      <div className={styles.stack}>
        <p>
          {startAt === null ? (
            <>The audience is frozen now, and its messages are handed over.</>
          ) : (
            <>
              It begins at <Instant at={startAt} />. The audience is frozen then.
            </>
          )}{" "}
          {reachable !== undefined && (
            <>
              By the forecast, {formatNoun(reachable, "recipient")} of{" "}
              {formatNoun(forecast.data?.audience ?? 0, "recipient")} can be reached.
            </>
          )}
        </p>
        {!isTested && (
          <>
            <p className={styles.strip}>
              No test of this message was sent since it was last edited.
            </p>
            <Check checked={isOverridden} onChange={({ target }) => setOverridden(target.checked)}>
              Start it without a test
              <span className="muted">: the audit trail will say so</span>
            </Check>
          </>
        )}
        {confirmation.field}
        {launch.error && <ProblemBanner error={launch.error} />}
        {saveError !== null && <ProblemBanner error={saveError} />}
      </div>
    </Dialog>
  );
}
