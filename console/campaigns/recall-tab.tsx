import { useQuery } from "@tanstack/react-query";
import { type Campaign, progressQuery, recallQuery } from "./queries.ts";
import { Columns } from "../parts/columns.tsx";
import { Panel } from "../parts/page.tsx";
import { Empty, Failed, Loading } from "../parts/states.tsx";
import { CorrectionForm } from "./correction-form.tsx";
import { RecallAccount } from "./recall-account.tsx";
import { RecallForm } from "./recall-form.tsx";

/** Takes a campaign back as far as that is possible, and sends a correction to those who have it, or to those whom it missed. */
export function RecallTab({ campaign }: { campaign: Campaign }) {
  const { id, status, frozenAt, recalledAt, finishedAt } = campaign;
  const progress = useQuery(progressQuery(id));
  const recall = useQuery({ ...recallQuery(id), enabled: recalledAt !== null });
  if (frozenAt === null)
    return (
      <Panel>
        <Empty title="There is nothing to recall">
          {status === "cancelled"
            ? "The campaign was stopped before it sent anything."
            : "The campaign has sent nothing yet. Edit it, or stop it."}
        </Empty>
      </Panel>
    );
  const [account, of] = recalledAt === null ? [progress, "the progress"] : [recall, "the recall"];
  const missed = progress.data?.counts.failed ?? 0;
  return (
    <Columns>
      <Panel title="Recall">
        {account.error ? (
          <Failed what={of} error={account.error} retry={() => void account.refetch()} />
        ) : recalledAt !== null && recall.data ? (
          <RecallAccount id={id} recall={recall.data} />
        ) : recalledAt === null && progress.data ? (
          <RecallForm campaign={campaign} counts={progress.data.counts} />
        ) : (
          <Loading what={of} />
        )}
      </Panel>
      <Panel title="Correction">
        {recall.data?.final || (recalledAt === null && finishedAt !== null && missed > 0) ? (
          <CorrectionForm campaign={campaign} recall={recall.data ?? null} missed={missed} />
        ) : (
          <p className="muted">
            A correction is another message to those who have this one. It can be sent once the
            campaign is recalled and nothing is being handed over. When a campaign has finished and
            some deliveries have failed, another message can also be sent to those that it missed.
          </p>
        )}
      </Panel>
    </Columns>
  );
}
