import { useQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { type Campaign, campaignQuery } from "./queries.ts";
import { Page, Panel } from "../parts/page.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { AuditTab } from "./audit-tab.tsx";
import { CampaignActions } from "./campaign-actions.tsx";
import { CampaignNotes } from "./campaign-notes.tsx";
import { EngagementTab } from "./engagement-tab.tsx";
import { ProgressTab } from "./progress-tab.tsx";
import { RecallTab } from "./recall-tab.tsx";
import { RevisionsTab } from "./revisions-tab.tsx";
import type { CampaignPageSearch } from "./search.ts";
import { CampaignChip } from "./status.tsx";

/** One campaign: its progress as an account that adds up, what it has sent, what can be taken back, and who has changed it. */
export function CampaignScreen() {
  const { id } = useParams({ from: "/campaigns/$id" });
  const { tab } = useSearch({ from: "/campaigns/$id" });
  const { data: campaign, error, refetch } = useQuery(campaignQuery(id));
  const part = (name: string, of: typeof tab) => ({
    name,
    link: { to: "/campaigns/$id", params: { id }, search: { tab: of } } as const,
    isCurrent: tab === of,
  });
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
      <Tabs
        label="Parts of the campaign"
        tabs={[
          part("Progress", undefined),
          {
            name: "Deliveries",
            link: { to: "/deliveries", search: { source: id } },
            isCurrent: false,
          },
          part("Engagement", "engagement"),
          part("Revisions", "revisions"),
          part("Recall and correction", "recall"),
          part("Audit", "audit"),
        ]}
      />
      {campaign ? (
        <>
          <CampaignNotes campaign={campaign} isAtRecall={tab === "recall"} />
          <Tab campaign={campaign} tab={tab} />
        </>
      ) : (
        <Panel>
          {error ? (
            <Failed what="this campaign" error={error} retry={() => void refetch()} />
          ) : (
            <Loading what="the campaign" />
          )}
        </Panel>
      )}
    </Page>
  );
}

function Tab({ campaign, tab }: { campaign: Campaign; tab: CampaignPageSearch["tab"] }) {
  switch (tab) {
    case undefined:
      return <ProgressTab campaign={campaign} />;
    case "engagement":
      return <EngagementTab campaign={campaign} />;
    case "revisions":
      return <RevisionsTab campaign={campaign} />;
    case "recall":
      return <RecallTab campaign={campaign} />;
    case "audit":
      return <AuditTab id={campaign.id} />;
  }
}
