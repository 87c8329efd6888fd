// On narrow screens the table is laid out as cards, and a table that is no table for the layout keeps its roles only if they are named.
// oxlint-disable jsx-a11y/no-redundant-roles, jsx-a11y/no-interactive-element-to-noninteractive-role
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { Delivery } from "./queries.ts";
import { includesRole, useSession } from "../api/session.ts";
import { IconButton } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { useRowKeys } from "../parts/row-keys.ts";
import { onRowKeys, SelectAll, SelectRow } from "../parts/selectable-table.tsx";
import table from "../parts/selectable-table.module.css";
import { type Selection, useSelectionKeys } from "../parts/selection.ts";
import { ShortId, shortenId } from "../parts/short-id.tsx";
import { StatusChip } from "../parts/status-chip.tsx";
import { linkOfId } from "../shell/places.ts";
import { wordsOfReason } from "../words/reasons.ts";
import { channelWords, priorityWords } from "../words/statuses.ts";
import type { Channel } from "../../domain/channel.ts";
import type { Column } from "./search.ts";
import { type Verb, verbs, verbWords } from "./verbs.ts";
import styles from "./delivery-table.module.css";

interface DeliveryTableProps {
  rows: readonly { row: Delivery; hasLeft: boolean }[];
  columns: readonly Column[];
  selection: Selection;
  /** Whether the rows are those of the previous filters, while the new ones are read. */
  isStale: boolean;
  /** A key for a verb was pressed on this delivery. */
  onVerb: (verb: Verb, id: string) => void;
}

/** The rows of the ledger. The keys j, k, Enter, w, o and x work on the row that has, or last had, the focus. */
export function DeliveryTable({ rows, columns, selection, isStale, onVerb }: DeliveryTableProps) {
  const navigate = useNavigate();
  const zone = useZone();
  const { role } = useSession();
  const { why, peek } = useSearch({ from: "__root__" });

  const show = (view: "why" | "peek", id: string) =>
    void navigate({
      to: ".",
      search: (before) => ({ ...before, why: undefined, peek: undefined, [view]: id }) as never,
      replace: why !== undefined || peek !== undefined,
    });
  const ids = rows.map(({ row }) => row.id);
  const { propsOf } = useRowKeys({
    ids,
    initial: why ?? peek ?? null,
    onMove: (id) => {
      if (why !== undefined) show("why", id);
      else if (peek !== undefined) show("peek", id);
    },
    keys: {
      w: (id) => show("why", id),
      o: (id) => void navigate({ to: "/deliveries/$id", params: { id } }),
      x: selection.toggle,
      ...Object.fromEntries(
        (includesRole(role, "sender") ? verbs : []).map((verb) => [
          verbWords[verb].key,
          (id: string) => onVerb(verb, id),
        ]),
      ),
    },
  });
  useSelectionKeys(selection, why !== undefined || peek !== undefined);
  const shows = (column: Column) => columns.includes(column);
  return (
    <div className={table.window}>
      <table
        className={`${table.table} ${styles.table}`}
        role="table"
        aria-label="Deliveries"
        aria-busy={isStale}
      >
        <thead role="rowgroup">
          <tr role="row">
            <SelectAll ids={ids} selection={selection} />
            <th role="columnheader">Status</th>
            {shows("recipient") && <th role="columnheader">Recipient</th>}
            {shows("source") && (
              <th role="columnheader" className={styles.source}>
                Source and type
              </th>
            )}
            {shows("channel") && (
              <th role="columnheader" className={styles.channel}>
                Channel
              </th>
            )}
            {shows("priority") && (
              <th role="columnheader" className={styles.priority}>
                Priority
              </th>
            )}
            {shows("reason") && <th role="columnheader">Reason</th>}
            {shows("at") && (
              <th role="columnheader">
                Due or ended <span className={table.zone}>{zone}</span>
              </th>
            )}
            {shows("attempts") && (
              <th role="columnheader" className={styles.attempts}>
                Attempts
              </th>
            )}
            <th role="columnheader" className={styles.why}>
              <span className="hidden-text">Why</span>
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map(({ row, hasLeft }) => (
            <Row
              key={row.id}
              delivery={row}
              hasLeft={hasLeft}
              shows={shows}
              selection={selection}
              isShown={row.id === (why ?? peek)}
              rowProps={propsOf(row.id)}
              onShow={(view) => show(view, row.id)}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  delivery: Delivery;
  /** Whether it does not match the filters any more. */
  hasLeft: boolean;
  shows: (column: Column) => boolean;
  selection: Selection;
  /** Whether the drawer shows it. */
  isShown: boolean;
  /** What makes it a row among which keys move. */
  rowProps: ReturnType<ReturnType<typeof useRowKeys>["propsOf"]>;
  onShow: (view: "why" | "peek") => void;
}

function Row(props: RowProps) {
  const { delivery, hasLeft, shows, selection, isShown, rowProps } = props;
  const { id, status, recipient, source, type, channel, priority, reason, attemptCount } = delivery;
  const at = delivery.finishedAt ?? delivery.dueAt;
  return (
    <tr
      role="row"
      {...rowProps}
      className={`${table.row} ${styles.row}`}
      data-left={hasLeft}
      data-shown={isShown}
      aria-selected={selection.ids.has(id)}
      onKeyDown={onRowKeys(id, selection, () => props.onShow("peek"))}
      onClick={(event) => {
        if (!(event.target as Element).closest("a, button, input, label")) props.onShow("peek");
      }}
    >
      <SelectRow id={id} name={shortenId(id)} selection={selection} />
      <td role="cell" className={styles.status}>
        <StatusChip status={status} />
        {hasLeft && <span className="hidden-text">, no longer matches</span>}
      </td>
      {shows("recipient") && (
        <td role="cell" className={styles.recipient}>
          <ShortId id={recipient} tabIndex={-1} />
        </td>
      )}
      {shows("source") && (
        <td role="cell" className={styles.source}>
          <Link {...linkOfId(source)} tabIndex={-1} title={source}>
            {source.startsWith("cmp_") ? "Campaign" : "Notification"}
          </Link>
          {type !== null && <span className="muted"> · {type}</span>}
        </td>
      )}
      {shows("channel") && (
        <td role="cell" className={styles.channel}>
          <span className={styles.withIcon}>
            <Icon name={channel as Channel} />
            {channelWords[channel as Channel]}
          </span>
        </td>
      )}
      {shows("priority") && (
        <td role="cell" className={styles.priority} data-priority={priority}>
          {priorityWords[priority]}
        </td>
      )}
      {shows("reason") && (
        <td role="cell" className={styles.reason}>
          {reason === null ? <span className="muted">–</span> : wordsOfReason(reason)}
        </td>
      )}
      {shows("at") && (
        <td role="cell" className={styles.at}>
          {at !== null && <ShortInstant at={at} />}
        </td>
      )}
      {shows("attempts") && (
        <td role="cell" className={styles.attempts}>
          {attemptCount}
        </td>
      )}
      <td role="cell" className={styles.why}>
        <IconButton
          icon="question"
          tabIndex={-1}
          label={`Why, ${shortenId(id)} (w)`}
          onClick={() => props.onShow("why")}
        />
      </td>
    </tr>
  );
}
