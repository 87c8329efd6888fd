import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { campaignQuery, progressQuery } from "./queries.ts";
import { Icon } from "../parts/icon.tsx";
import { Instant } from "../parts/instant.tsx";
import { Facts, Page, Panel } from "../parts/page.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import { priorityWords } from "../words/statuses.ts";
import { CampaignActions } from "./campaign-actions.tsx";
import { CampaignChip } from "./status.tsx";
import { ProgressAccount } from "./progress-account.tsx";
import styles from "./campaign-screen.module.css";

/** One campaign: its progress as an account that adds up, and what it sends to whom. */
export function CampaignScreen() {
  const { id } = useParams({ from: "/campaigns/$id" });
  const { data: campaign, error, refetch } = useQuery(campaignQuery(id));
  const progress = useQuery(progressQuery(id));
  return (
    <Page
      up={{ to: "/campaigns", name: "Campaigns" }}
      title={campaign?.name ?? "…"}
      documentTitle="Campaign"
      actions={
        campaign && (
          <>
            <CampaignChip status={campaign.status} />
            <CampaignActions campaign={campaign} />
          </>
        )
      }
    >
      {campaign?.pauseDetail != null && (
        <div className={styles.paused} role="note">
          <Icon name="warning" />
          <p>
            <strong>Tidings paused it</strong>, because a provider refused many of its messages in a
            row. Its last answer was: {campaign.pauseDetail}
          </p>
        </div>
      )}
      <div className={styles.columns}>
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
        <Panel title="Facts">
          {campaign ? (
            <Facts
              items={[
                ["Campaign", <code key="id">{campaign.id}</code>],
                ["Template", `${campaign.template.key}, version ${campaign.template.version}`],
                ["Type", campaign.type ?? "none"],
                ["Priority", priorityWords[campaign.priority]],
                [
                  "Guarantee",
                  campaign.guarantee === "at_most_once" ? "At most once" : "At least once",
                ],
                [
                  "Throttle",
                  campaign.throttle === null ? "none" : `${campaign.throttle.perSecond} per second`,
                ],
                ["Message", campaign.revision > 1 ? `revision ${campaign.revision}` : null],
                ["Audience", <code key="audience">{JSON.stringify(campaign.audience)}</code>],
                ["Created", <Instant key="created" at={campaign.createdAt} />],
                ["Starts", campaign.startAt && <Instant key="start" at={campaign.startAt} />],
                ["Frozen", campaign.frozenAt && <Instant key="frozen" at={campaign.frozenAt} />],
                ["Finished", campaign.finishedAt && <Instant key="end" at={campaign.finishedAt} />],
              ]}
            />
          ) : error ? (
            <Failed what="this campaign" error={error} retry={() => void refetch()} />
          ) : (
            <Loading what="the campaign" />
          )}
        </Panel>
      </div>
    </Page>
  );
}
