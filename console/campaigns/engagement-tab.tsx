import { useQuery } from "@tanstack/react-query";
import { Columns, Stack } from "../parts/columns.tsx";
import { Panel } from "../parts/page.tsx";
import { Empty } from "../parts/states.tsx";
import { typeQuery } from "../recipients/queries.ts";
import { EngagementPanel } from "./engagement-panel.tsx";
import { LinksPanel } from "./links-panel.tsx";
import type { Campaign } from "./queries.ts";
import { RedirectsPanel } from "./redirects-panel.tsx";

const noTracking = { opens: false, clicks: false };

/** What people did with the messages of a campaign, which links they followed, and whether its links lead on. */
export function EngagementTab({ campaign }: { campaign: Campaign }) {
  const { id, frozenAt, tracking, type: typeKey, redirects } = campaign;
  const type = useQuery(typeQuery(tracking === null ? (typeKey ?? undefined) : undefined));
  const asked = tracking ?? type.data?.tracking ?? noTracking;
  if (frozenAt === null)
    return (
      <Panel>
        <Empty title="Nothing has been sent yet">
          What people do with the messages appears here once the campaign has begun.
        </Empty>
      </Panel>
    );
  // Links that were sent stay tracked, also if the type has been changed since.
  const hasLinks = asked.clicks || !redirects;
  const people = <EngagementPanel id={id} frozenAt={frozenAt} tracking={asked} />;
  if (!hasLinks) return people;
  return (
    <Columns isFirstWider>
      <Stack>
        {people}
        <LinksPanel id={id} />
      </Stack>
      <RedirectsPanel campaign={campaign} />
    </Columns>
  );
}
