import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type Campaign, campaignsQuery } from "./queries.ts";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Pages } from "../parts/pages.tsx";
import { Empty, Failed, FilteredToNothing, Loading } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { formatCount } from "../words/numbers.ts";
import { capitalise } from "../words/statuses.ts";
import { campaignStatuses } from "./search.ts";
import { CampaignChip } from "./status.tsx";
import styles from "./screen.module.css";

/** The campaigns, the newest first. */
export function CampaignsScreen() {
  const search = useSearch({ from: "/campaigns" });
  const navigate = useNavigate({ from: "/campaigns" });
  const { data, error, refetch } = useQuery({
    ...campaignsQuery({
      limit: "50",
      ...(search.status && { status: search.status.join(",") }),
      ...(search.cursor !== undefined && { cursor: search.cursor }),
    }),
    placeholderData: keepPreviousData,
  });
  const chosen = search.status ?? [];
  return (
    <Page title="Campaigns" documentTitle="Campaigns">
      <div className={styles.filters} role="group" aria-label="Status">
        <Link to="/campaigns" search={{}} aria-pressed={chosen.length === 0} role="button">
          All
        </Link>
        {campaignStatuses.map((status) => (
          <Link
            key={status}
            to="/campaigns"
            search={{ status: [status] }}
            role="button"
            aria-pressed={chosen.includes(status)}
          >
            {capitalise(status)}
          </Link>
        ))}
      </div>
      <Panel isFlush>
        {data ? (
          data.items.length > 0 ? (
            <CampaignTable campaigns={data.items} />
          ) : chosen.length > 0 ? (
            <FilteredToNothing what="campaigns" onClear={() => void navigate({ search: {} })} />
          ) : (
            <Empty icon="campaigns" title="No campaigns yet">
              A campaign sends one message to an audience. Create one with POST /v1/campaigns.
            </Empty>
          )
        ) : error ? (
          <Failed what="the campaigns" error={error} retry={() => void refetch()} />
        ) : (
          <Loading what="the campaigns" rows={8} />
        )}
        {data && (data.nextCursor !== null || search.cursor !== undefined) && (
          <Pages
            shown={data.items.length}
            isFirst={search.cursor === undefined}
            nextCursor={data.nextCursor}
            onTurn={(cursor) => void navigate({ search: (before) => ({ ...before, cursor }) })}
          />
        )}
      </Panel>
    </Page>
  );
}

function CampaignTable({ campaigns }: { campaigns: readonly Campaign[] }) {
  const zone = useZone();
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th>Name</th>
          <th>Status</th>
          <th className={`${table.number} ${table.wide}`}>Audience</th>
          <th className={table.wide}>Template</th>
          <th className={table.wide}>Type</th>
          <th className={table.wide}>Starts or started ({zone})</th>
        </tr>
      </thead>
      <tbody>
        {campaigns.map(({ id, name, status, audienceCount, template, type, startAt }) => (
          <tr key={id}>
            <td>
              <Link to="/campaigns/$id" params={{ id }} className={table.name}>
                {name}
              </Link>
            </td>
            <td>
              <CampaignChip status={status} />
            </td>
            <td className={`${table.number} ${table.wide}`}>
              {audienceCount === null ? (
                <span className="muted">not frozen</span>
              ) : (
                formatCount(audienceCount)
              )}
            </td>
            <td className={table.wide}>
              {template.key} <span className="muted">v{template.version}</span>
            </td>
            <td className={table.wide}>{type ?? <span className="muted">none</span>}</td>
            <td className={table.wide}>{startAt !== null && <ShortInstant at={startAt} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
