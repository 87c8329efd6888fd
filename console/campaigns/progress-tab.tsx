import { useQuery } from "@tanstack/react-query";
import { type Campaign, progressQuery } from "./queries.ts";
import { Panel } from "../parts/page.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import { CampaignFacts } from "./campaign-facts.tsx";
import { ProgressAccount } from "./progress-account.tsx";
import { Reconciliation } from "./reconciliation.tsx";
import { ThrottlePanel } from "./throttle-panel.tsx";
import { WaitingReasons } from "./waiting-reasons.tsx";
import { WhyBox } from "./why-box.tsx";
import styles from "./progress-tab.module.css";

/** How far a campaign is, what it waits for, and why somebody did or did not get it. */
export function ProgressTab({ campaign }: { campaign: Campaign }) {
  const { id, status, frozenAt } = campaign;
  const progress = useQuery(progressQuery(id));
  const isOpen = status !== "completed" && status !== "cancelled";
  return (
    <div className={styles.columns}>
      <div className={styles.column}>
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
        {isOpen && frozenAt !== null && <WaitingReasons campaign={campaign} />}
        {frozenAt !== null && <Reconciliation id={id} />}
      </div>
      <div className={styles.column}>
        <WhyBox id={id} />
        {isOpen && <ThrottlePanel campaign={campaign} progress={progress.data} />}
        <CampaignFacts campaign={campaign} />
      </div>
    </div>
  );
}
