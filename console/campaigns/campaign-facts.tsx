import type { Campaign } from "./queries.ts";
import { ActorName } from "../parts/actor-name.tsx";
import { Instant } from "../parts/instant.tsx";
import { Facts, Panel } from "../parts/page.tsx";
import { CopyButton } from "../parts/states.tsx";
import { TemplateLink } from "../parts/template-link.tsx";
import { TemporalLink } from "../parts/temporal-link.tsx";
import { priorityWords } from "../words/statuses.ts";
import { describeAudience } from "../words/audiences.ts";
import styles from "./campaign-facts.module.css";

function describeTracking({ tracking, redirects }: Campaign): string {
  const tracked = [...(tracking?.opens ? ["opens"] : []), ...(tracking?.clicks ? ["clicks"] : [])];
  const what =
    tracking === null ? "as the type says" : tracked.length > 0 ? tracked.join(", ") : "nothing";
  return redirects ? what : `${what}; its links are switched off`;
}

/** What a campaign sends, to whom, when and how. */
export function CampaignFacts({ campaign }: { campaign: Campaign }) {
  const { id, template, revision, guarantee, data, startAt, frozenAt, finishedAt } = campaign;
  return (
    <Panel
      title="Facts"
      aside={<TemporalLink runs={{ campaign: id }}>Workflows in Temporal</TemporalLink>}
    >
      <Facts
        items={[
          [
            "Campaign",
            <span key="id" className={styles.id}>
              <span className="mono">{id}</span>
              <CopyButton text={id} label="Copy the id of the campaign" />
            </span>,
          ],
          ["Audience", describeAudience(campaign.audience)],
          ["Template", <TemplateLink key="template" template={template} />],
          ["Message", revision > 1 ? `revision ${revision}` : null],
          [
            "Data",
            Object.keys(data).length === 0 ? null : (
              <ul key="data">
                {Object.entries(data).map(([name, value]) => (
                  <li key={name}>
                    {name}: {typeof value === "string" ? value : JSON.stringify(value)}
                  </li>
                ))}
              </ul>
            ),
          ],
          ["Type", campaign.type ?? "none"],
          ["Priority", priorityWords[campaign.priority]],
          [
            "Guarantee",
            guarantee === "at_most_once"
              ? "At most once: a message whose outcome is not known is not sent again"
              : "At least once: a message whose outcome is not known is sent again",
          ],
          ["Tracking", describeTracking(campaign)],
          ["Created by", <ActorName key="by" id={campaign.createdBy} />],
          ["Created", <Instant key="created" at={campaign.createdAt} />],
          ["Starts", startAt && <Instant key="start" at={startAt} />],
          ["Frozen", frozenAt && <Instant key="frozen" at={frozenAt} />],
          ["Finished", finishedAt && <Instant key="end" at={finishedAt} />],
        ]}
      />
    </Panel>
  );
}
