import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { campaignsQuery, type Campaign } from "./queries.ts";
import { useSelection } from "../parts/selection.ts";
import buttons from "../parts/button.module.css";
import { Page, Panel } from "../parts/page.tsx";
import { Pages } from "../parts/pages.tsx";
import { Empty, Failed, FilteredToNothing, Loading, ProblemBanner } from "../parts/states.tsx";
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
  const { data, error, refetch, isPlaceholderData } = useQuery({
    ...campaignsQuery({ limit: "50", ...toCampaignQuery({ ...filters, cursor }) }),
    placeholderData: keepPreviousData,
  });
  const isFiltered = Object.values(filters).some((value) => value !== undefined);
  const retry = () => void refetch();
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
        {data ? (
          <>
            {error && <ProblemBanner error={error} retry={retry} />}
            {data.items.length > 0 ? (
              <CampaignList campaigns={data.items} isStale={isPlaceholderData} />
            ) : isFiltered ? (
              <FilteredToNothing
                what="campaigns"
                onClear={() => void navigate({ search: { tz } })}
              />
            ) : (
              <Empty icon="campaigns" title="No campaigns yet">
                A campaign sends one message to an audience.
              </Empty>
            )}
            {(data.nextCursor !== null || cursor !== undefined) && (
              <Pages
                shown={data.items.length}
                isFirst={cursor === undefined}
                nextCursor={data.nextCursor}
                isStale={isPlaceholderData}
                onTurn={(next) =>
                  void navigate({ search: (before) => ({ ...before, cursor: next }) })
                }
              />
            )}
          </>
        ) : error ? (
          <Failed what="the campaigns" error={error} retry={retry} />
        ) : (
          <Loading what="the campaigns" rows={8} />
        )}
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
