import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Button } from "../parts/button.tsx";
import { useConfirmNumber } from "../parts/confirm-number.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Loading, ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { openCounts } from "./account.ts";
import { allows, applyVerb, type CampaignVerb, campaignVerbs } from "./actions.ts";
import { type Campaign, campaignQuery, progressQuery } from "./queries.ts";
import { CampaignChip } from "./status.tsx";
import styles from "./bulk-dialog.module.css";

interface BulkDialogProps {
  verb: CampaignVerb;
  ids: readonly string[];
  onClose: () => void;
  onDone: () => void;
}

/** Counts what a verb would change about several campaigns, asks whether to do it, and applies it to one after the other. */
export function BulkDialog({ verb, ids, onClose, onDone }: BulkDialogProps) {
  const { name, past, can, effect, inverse, icon } = campaignVerbs[verb];
  const [key] = useState(() => crypto.randomUUID());
  const [done, setDone] = useState(0);
  const stopped = useRef(false);
  const client = useQueryClient();

  const count = useQuery({
    queryKey: ["dry-run", "campaigns", verb, ids],
    queryFn: async () => {
      const campaigns = await Promise.all(ids.map((id) => client.fetchQuery(campaignQuery(id))));
      const changed = campaigns.filter(({ status }) => allows(status, verb));
      let open = 0;
      // The API counts few campaigns at once.
      if (verb === "cancel")
        for (const { id, frozenAt } of changed)
          if (frozenAt !== null)
            open += openCounts((await client.fetchQuery(progressQuery(id))).counts);
      return { changed, others: campaigns.filter(({ status }) => !allows(status, verb)), open };
    },
    staleTime: 0,
    gcTime: 0,
    refetchOnWindowFocus: false,
  });
  const apply = useMutation({
    mutationFn: async (campaigns: readonly Campaign[]) => {
      const changed: string[] = [];
      const failures: { name: string; why: string }[] = [];
      for (const campaign of campaigns) {
        if (stopped.current) break;
        try {
          await applyVerb(verb, campaign.id, `${key}-${campaign.id}`);
          changed.push(campaign.id);
        } catch (error) {
          failures.push({
            name: campaign.name,
            why: error instanceof Error ? error.message : "It got no answer.",
          });
        }
        setDone(changed.length + failures.length);
      }
      return { changed, failures };
    },
    onSettled: () => client.invalidateQueries(),
    onSuccess: ({ changed, failures }, campaigns) => {
      const left = campaigns.length - changed.length - failures.length;
      showToast(
        `${formatNoun(changed.length, `campaign ${past}`, `campaigns: each ${past}`)}.${left > 0 ? ` Stopped before ${formatCount(left)} others.` : ""}`,
        {
          icon,
          ...(inverse &&
            changed.length > 0 && { undo: () => void undo(inverse, changed).then(refresh) }),
        },
      );
      if (failures.length === 0) onDone();
    },
  });
  const refresh = () => client.invalidateQueries();
  const { data } = count;
  const confirmation = useConfirmNumber(data && verb === "cancel" ? data.open : undefined);
  const close = () => {
    stopped.current = true;
    onClose();
  };
  const what = formatNoun(data?.changed.length ?? 0, "campaign");
  return (
    <Dialog
      title={`${name} ${formatNoun(ids.length, "campaign")}`}
      onClose={close}
      footer={
        <>
          <Button onClick={close}>
            {apply.isPending ? "Stop here" : apply.isSuccess ? "Close" : "Leave them as they are"}
          </Button>
          {!apply.isSuccess && (
            <Button
              kind={verb === "cancel" ? "danger" : "primary"}
              needs="sender"
              disabled={!data?.changed.length || !confirmation.isConfirmed || apply.isPending}
              onClick={() => data && apply.mutate(data.changed)}
            >
              {apply.isPending
                ? `${formatCount(done)} of ${formatCount(data?.changed.length ?? 0)} done…`
                : verb === "cancel" && data && data.open > 0
                  ? `Stop ${what} and cancel ${formatNoun(data.open, "delivery", "deliveries")}`
                  : `${name} ${what}`}
            </Button>
          )}
        </>
      }
    >
      <p>{effect}</p>
      {count.isPending && <Loading what="the campaigns" rows={2} />}
      {count.error && <ProblemBanner error={count.error} retry={() => void count.refetch()} />}
      {data && (
        <>
          <p role="status" className={styles.count}>
            <strong className="figures">{formatCount(data.changed.length)}</strong> of{" "}
            {formatNoun(ids.length, "campaign")} {can}.
            {verb === "cancel" &&
              ` They have ${formatNoun(data.open, "open delivery", "open deliveries")}.`}
          </p>
          {data.others.length > 0 && <p className="muted">These stay as they are:</p>}
          {data.others.length > 0 && (
            <ul className={styles.others} aria-label="Campaigns that stay as they are">
              {data.others.map(({ id, name: other, status }) => (
                <li key={id}>
                  <CampaignChip status={status} /> {other}
                </li>
              ))}
            </ul>
          )}
        </>
      )}
      {confirmation.field}
      {apply.data && apply.data.failures.length > 0 && (
        <ul role="alert" className={styles.failures}>
          {apply.data.failures.map((failure) => (
            <li key={failure.name}>
              <strong>{failure.name}</strong>: {failure.why}
            </li>
          ))}
        </ul>
      )}
    </Dialog>
  );
}

/** Applies the inverse to what has been changed. What has ended meanwhile stays as it is. */
const undo = (verb: CampaignVerb, ids: readonly string[]) =>
  Promise.allSettled(ids.map((id) => applyVerb(verb, id, crypto.randomUUID())));
