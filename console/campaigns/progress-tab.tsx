import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type Campaign, progressQuery } from "./queries.ts";
import { OutcomeChart } from "../charts/outcome-chart.tsx";
import { Columns, Stack } from "../parts/columns.tsx";
import { Panel } from "../parts/page.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import { CampaignFacts } from "./campaign-facts.tsx";
import { ProgressAccount } from "./progress-account.tsx";
import { Reconciliation } from "./reconciliation.tsx";
import { ThrottlePanel } from "./throttle-panel.tsx";
import { WhyOfRecipient } from "../why/why-of-recipient.tsx";
import { WaitingReasons } from "./waiting-reasons.tsx";

/** How far a campaign is, what it waits for, and why somebody did or did not get it. */
export function ProgressTab({ campaign }: { campaign: Campaign }) {
  const { id, status, frozenAt, finishedAt } = campaign;
  const { of: recipient } = useSearch({ from: "/campaigns/$id" });
  const navigate = useNavigate({ from: "/campaigns/$id" });
  const progress = useQuery(progressQuery(id));
  const isOpen = status !== "completed" && status !== "cancelled";
  return (
    <Columns isFirstWider>
      <Stack>
        <Panel title="Progress">
          {progress.data ? (
            <ProgressAccount id={id} progress={progress.data} />
          ) : progress.error ? (
            <Failed
              what="the progress"
              error={progress.error}
              retry={() => void progress.refetch()}
            />
          ) : (
            <Loading what="the progress" />
          )}
        </Panel>
        {frozenAt !== null && (
          <Panel title="Over time">
            <OutcomeChart
              caption="Deliveries that ended"
              filters={{ campaign: id }}
              span={{ from: frozenAt, until: finishedAt }}
              none="No delivery has ended yet."
            />
          </Panel>
        )}
        {isOpen && frozenAt !== null && <WaitingReasons campaign={campaign} />}
        {frozenAt !== null && <Reconciliation id={id} />}
      </Stack>
      <Stack>
        <Panel title="Why did they get it, or not?">
          <WhyOfRecipient
            source={id}
            recipient={recipient}
            onChoose={(of) =>
              void navigate({ search: (before) => ({ ...before, of }), replace: true })
            }
          />
        </Panel>
        {isOpen && <ThrottlePanel campaign={campaign} progress={progress.data} />}
        <CampaignFacts campaign={campaign} />
      </Stack>
    </Columns>
  );
}
