import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { useConfirmNumber } from "../parts/confirm-number.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Loading, ProblemBanner } from "../parts/states.tsx";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { openCounts } from "./account.ts";
import { type CampaignVerb, campaignVerbs } from "./actions.ts";
import { describeAudience } from "../words/audiences.ts";
import { type Campaign, progressQuery } from "./queries.ts";
import { useCampaignVerb } from "./use-verb.ts";

interface VerbDialogProps {
  verb: CampaignVerb;
  campaign: Campaign;
  onClose: () => void;
}

/** Says what a verb does and how many deliveries it affects, asks whether to do it, and does it. */
export function VerbDialog({ verb, campaign, onClose }: VerbDialogProps) {
  const [key] = useState(() => crypto.randomUUID());
  const { name, effect } = campaignVerbs[verb];
  const apply = useCampaignVerb({ onDone: onClose });
  const isStop = verb === "cancel";
  const progress = useQuery({ ...progressQuery(campaign.id), enabled: isStop, staleTime: 0 });
  const open = progress.data && openCounts(progress.data.counts);
  const confirmation = useConfirmNumber(isStop ? open : undefined);
  return (
    <Dialog
      title={`${name}: ${campaign.name}`}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Leave it as it is</Button>
          <Button
            kind={isStop ? "danger" : "primary"}
            needs="sender"
            disabled={
              apply.isPending || (isStop && open === undefined) || !confirmation.isConfirmed
            }
            onClick={() => apply.mutate({ verb, campaign, key })}
          >
            {apply.isPending
              ? "Waiting for the workers…"
              : open
                ? `Stop it and cancel ${formatNoun(open, "delivery", "deliveries")}`
                : `${name} the campaign`}
          </Button>
        </>
      }
    >
      <p>{effect}</p>
      {isStop ? (
        <>
          {progress.isPending && <Loading what="the number of deliveries" rows={1} />}
          {progress.error && (
            <ProblemBanner error={progress.error} retry={() => void progress.refetch()} />
          )}
          {open !== undefined && progress.data && (
            <p role="status">
              {progress.data.audience === null
                ? "Its audience is not frozen yet, so it has no deliveries."
                : `${formatNoun(open, "delivery is", "deliveries are")} open, of ${formatCount(progress.data.audience)}.`}
            </p>
          )}
        </>
      ) : (
        <p>Its audience: {describeAudience(campaign.audience)}</p>
      )}
      {confirmation.field}
      {apply.error && <ProblemBanner error={apply.error} />}
    </Dialog>
  );
}
