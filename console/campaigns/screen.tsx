import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { campaignsQuery, type Campaign } from "./queries.ts";
import { useSelection } from "../parts/selection.ts";
import buttons from "../parts/button.module.css";
import { List } from "../parts/list.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Empty, FilteredToNothing } from "../parts/states.tsx";
import type { CampaignVerb } from "./actions.ts";
import { BulkDialog } from "./bulk-dialog.tsx";
import { CampaignFilterBar } from "./campaign-filters.tsx";
import { CampaignTable } from "./campaign-table.tsx";
import { CampaignSelectionBar } from "./campaign-selection-bar.tsx";
import { toCampaignQuery } from "./search.ts";

/** The campaigns, the newest first. */
export function CampaignsScreen() {
  const { tz, status, q, type, template, cursor } = useSearch({ from: "/campaigns" });
  const navigate = useNavigate({ from: "/campaigns" });
  const filters = { status, q, type, template };
  const query = useQuery({
    ...campaignsQuery({ limit: "50", ...toCampaignQuery({ ...filters, cursor }) }),
    placeholderData: keepPreviousData,
  });
  const isFiltered = Object.values(filters).some((value) => value !== undefined);
  return (
    <Page
      title="Campaigns"
      documentTitle="Campaigns"
      actions={
        <Link to="/campaigns/new" className={`${buttons.button} ${buttons.primary}`}>
          New campaign
        </Link>
      }
    >
      <CampaignFilterBar
        filters={filters}
        onChange={(changed, isTyping) =>
          void navigate({ search: { tz, ...changed }, replace: isTyping && isFiltered })
        }
      />
      <Panel isFlush>
        <List
          what="the campaigns"
          query={query}
          cursor={cursor}
          rows={8}
          onTurn={(next) => void navigate({ search: (before) => ({ ...before, cursor: next }) })}
          empty={
            isFiltered ? (
              <FilteredToNothing
                what="campaigns"
                onClear={() => void navigate({ search: { tz } })}
              />
            ) : (
              <Empty icon="campaigns" title="No campaigns yet">
                A campaign sends one message to an audience.
              </Empty>
            )
          }
        >
          {({ items }, isStale) => <CampaignList campaigns={items} isStale={isStale} />}
        </List>
      </Panel>
    </Page>
  );
}

/** One page of campaigns, with a selection. */
function CampaignList({
  campaigns,
  isStale,
}: {
  campaigns: readonly Campaign[];
  isStale: boolean;
}) {
  const selection = useSelection(campaigns.map(({ id }) => id));
  const [asked, ask] = useState<CampaignVerb | null>(null);
  // A campaign may have left the list since it was selected.
  const selected = campaigns.filter(({ id }) => selection.ids.has(id));
  return (
    <>
      {selected.length > 0 && (
        <CampaignSelectionBar
          count={selected.length}
          onClear={selection.clear}
          onVerb={(verb) => ask(verb)}
        />
      )}
      <CampaignTable campaigns={campaigns} selection={selection} isStale={isStale} />
      {asked && (
        <BulkDialog
          verb={asked}
          ids={selected.map(({ id }) => id)}
          onClose={() => ask(null)}
          onDone={() => {
            ask(null);
            selection.clear();
          }}
        />
      )}
    </>
  );
}
