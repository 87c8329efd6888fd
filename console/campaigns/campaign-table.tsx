// On narrow screens the table is laid out as cards, and a table that is no table for the layout keeps its roles only if they are named.
// oxlint-disable jsx-a11y/no-redundant-roles, jsx-a11y/no-interactive-element-to-noninteractive-role
import { Link, useNavigate } from "@tanstack/react-router";
import { includesRole, useSession } from "../api/session.ts";
import { ActorName } from "../parts/actor-name.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { useRowKeys } from "../parts/row-keys.ts";
import { onRowKeys, SelectAll, SelectRow } from "../parts/selectable-table.tsx";
import table from "../parts/selectable-table.module.css";
import { type Selection, useSelectionKeys } from "../parts/selection.ts";
import { StackedBar } from "../parts/stacked-bar.tsx";
import { TemplateLink } from "../parts/template-link.tsx";
import { showToast } from "../parts/toast.tsx";
import { formatCount, formatShare } from "../words/numbers.ts";
import { statusCounts } from "./account.ts";
import { allows, campaignVerbs } from "./actions.ts";
import type { Campaign } from "./queries.ts";
import { CampaignChip } from "./status.tsx";
import { useCampaignVerb } from "./use-verb.ts";
import styles from "./campaign-table.module.css";

interface CampaignTableProps {
  campaigns: readonly Campaign[];
  selection: Selection;
  /** Whether the rows are those of the previous filters, while the new ones are read. */
  isStale: boolean;
}

/** The rows of the campaigns. The keys j, k, Enter, o, x and p work on the row that has, or last had, the focus. */
export function CampaignTable({ campaigns, selection, isStale }: CampaignTableProps) {
  const navigate = useNavigate();
  const zone = useZone();
  const { role } = useSession();
  const apply = useCampaignVerb();
  const open = (id: string) => void navigate({ to: "/campaigns/$id", params: { id } });
  const pauseOrResume = (id: string) => {
    const campaign = campaigns.find((each) => each.id === id);
    const verb =
      campaign && (["pause", "resume"] as const).find((each) => allows(campaign.status, each));
    if (!verb || apply.isPending) return;
    apply.mutate(
      { verb, campaign, key: crypto.randomUUID() },
      {
        onError: (error) =>
          showToast(`${campaignVerbs[verb].name} failed: ${error.message}`, { icon: "warning" }),
      },
    );
  };
  const ids = campaigns.map(({ id }) => id);
  const { propsOf } = useRowKeys({
    ids,
    keys: {
      o: open,
      x: selection.toggle,
      ...(includesRole(role, "sender") && { p: pauseOrResume }),
    },
  });
  useSelectionKeys(selection);
  return (
    <div className={table.window}>
      <table
        className={`${table.table} ${styles.table}`}
        role="table"
        aria-label="Campaigns"
        aria-busy={isStale}
      >
        <thead role="rowgroup">
          <tr role="row">
            <SelectAll ids={ids} selection={selection} />
            <th role="columnheader">Name</th>
            <th role="columnheader">Status</th>
            <th role="columnheader">Progress</th>
            <th role="columnheader" className={styles.audience}>
              Audience
            </th>
            <th role="columnheader" className={styles.template}>
              Template and type
            </th>
            <th role="columnheader" className={styles.by}>
              By
            </th>
            <th role="columnheader" className={styles.when}>
              Start <span className={table.zone}>{zone}</span>
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {campaigns.map((campaign) => (
            <Row
              key={campaign.id}
              campaign={campaign}
              selection={selection}
              rowProps={propsOf(campaign.id)}
              onOpen={() => open(campaign.id)}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  campaign: Campaign;
  selection: Selection;
  /** What makes it a row among which keys move. */
  rowProps: ReturnType<ReturnType<typeof useRowKeys>["propsOf"]>;
  onOpen: () => void;
}

function Row({ campaign, selection, rowProps, onOpen }: RowProps) {
  const { id, name, status, audienceCount, template, type, createdBy, startAt } = campaign;
  return (
    <tr
      role="row"
      {...rowProps}
      className={`${table.row} ${styles.row}`}
      aria-selected={selection.ids.has(id)}
      onKeyDown={onRowKeys(id, selection, onOpen)}
    >
      <SelectRow id={id} name={name} selection={selection} />
      <td role="cell" className={styles.name}>
        <Link to="/campaigns/$id" params={{ id }} tabIndex={-1} title={name}>
          {name}
        </Link>
      </td>
      <td role="cell" className={styles.status}>
        <CampaignChip status={status} />
      </td>
      <td role="cell" className={styles.progress}>
        <ProgressCell campaign={campaign} />
      </td>
      <td role="cell" className={styles.audience}>
        {audienceCount === null ? (
          <span className="muted">not frozen</span>
        ) : (
          <Link to="/deliveries" search={{ source: id }} tabIndex={-1}>
            {formatCount(audienceCount)}
          </Link>
        )}
      </td>
      <td role="cell" className={styles.template}>
        <TemplateLink template={template} tabIndex={-1} />
        {type !== null && <span className="muted"> · {type}</span>}
      </td>
      <td role="cell" className={styles.by}>
        <ActorName id={createdBy} />
      </td>
      <td role="cell" className={styles.when}>
        {startAt === null ? <span className="muted">–</span> : <ShortInstant at={startAt} />}
      </td>
    </tr>
  );
}

/** The bar of a campaign that has begun. For others, what there is to say instead. */
function ProgressCell({ campaign }: { campaign: Campaign }) {
  const { name, status, counts, finishedAt } = campaign;
  const ended = finishedAt !== null && (
    <span className="muted">
      ended <ShortInstant at={finishedAt} />
    </span>
  );
  if (counts === null)
    return (
      ended || (
        <span className="muted">
          {status === "draft"
            ? "not started"
            : status === "cancelled"
              ? "is being stopped"
              : "waits for its start"}
        </span>
      )
    );
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return (
    <div className={styles.bar}>
      <StackedBar counts={statusCounts(counts)} label={name} />
      <span className={styles.rate}>
        <span>{formatShare((total - counts.open) / total)}</span>
        {ended || <span className="muted">{formatCount(counts.open)} open</span>}
      </span>
    </div>
  );
}
