// On narrow screens the table is laid out as cards, and a table that is no table for the layout keeps its roles only if they are named.
// oxlint-disable jsx-a11y/no-redundant-roles, jsx-a11y/no-interactive-element-to-noninteractive-role
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import type { Delivery } from "./queries.ts";
import { includesRole, useSession } from "../api/session.ts";
import { IconButton } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { ShortId, shortenId } from "../parts/short-id.tsx";
import { StatusChip } from "../parts/status-chip.tsx";
import { useShortcuts } from "../shell/shortcuts.ts";
import { wordsOfReason } from "../words/reasons.ts";
import { channelWords, priorityWords } from "../words/statuses.ts";
import type { Channel } from "../../domain/channel.ts";
import type { Selection } from "./selection.ts";
import { type Verb, verbs, verbWords } from "./verbs.ts";
import styles from "./delivery-table.module.css";

interface DeliveryTableProps {
  rows: readonly { row: Delivery; hasLeft: boolean }[];
  selection: Selection;
  /** Whether the rows are those of the previous filters, while the new ones are read. */
  isStale: boolean;
  /** A key for a verb was pressed on this delivery. */
  onVerb: (verb: Verb, id: string) => void;
}

const rowId = (id: string) => `row-${id}`;

/** The rows of the ledger. The keys j, k, Enter, w, o and x work on the row that has, or last had, the focus. */
export function DeliveryTable({ rows, selection, isStale, onVerb }: DeliveryTableProps) {
  const navigate = useNavigate();
  const zone = useZone();
  const { role } = useSession();
  const { why, peek } = useSearch({ from: "__root__" });
  const [active, setActive] = useState(why ?? peek ?? null);
  const place = rows.findIndex(({ row }) => row.id === active);

  const show = (view: "why" | "peek", id: string) =>
    void navigate({
      to: ".",
      search: (before) => ({ ...before, why: undefined, peek: undefined, [view]: id }) as never,
      replace: why !== undefined || peek !== undefined,
    });
  const move = (step: number) => {
    const next = rows[place < 0 ? 0 : Math.min(Math.max(place + step, 0), rows.length - 1)]?.row.id;
    if (next === undefined) return;
    document.getElementById(rowId(next))?.focus();
    setActive(next);
    if (why !== undefined) show("why", next);
    else if (peek !== undefined) show("peek", next);
  };
  const onActive = (act: (id: string) => void) => () => {
    const id = rows[Math.max(place, 0)]?.row.id;
    if (id !== undefined) act(id);
  };
  useShortcuts({
    j: () => move(1),
    k: () => move(-1),
    w: onActive((id) => show("why", id)),
    o: onActive((id) => void navigate({ to: "/deliveries/$id", params: { id } })),
    x: onActive(selection.toggle),
    "mod+a": selection.selectAll,
    ...Object.fromEntries(
      (includesRole(role, "sender") ? verbs : []).map((verb) => [
        verbWords[verb].key,
        onActive((id) => onVerb(verb, id)),
      ]),
    ),
    ...(selection.ids.size > 0 && why === undefined && peek === undefined
      ? { Escape: selection.clear }
      : {}),
  });
  const isAllSelected = rows.length > 0 && rows.every(({ row }) => selection.ids.has(row.id));
  return (
    <div className={styles.window}>
      <table className={styles.table} role="table" aria-label="Deliveries" aria-busy={isStale}>
        <thead role="rowgroup">
          <tr role="row">
            <th role="columnheader" className={styles.check}>
              <input
                type="checkbox"
                aria-label="Select all on this page"
                checked={isAllSelected}
                onChange={() => (isAllSelected ? selection.clear() : selection.selectAll())}
              />
            </th>
            <th role="columnheader">Status</th>
            <th role="columnheader">Recipient</th>
            <th role="columnheader" className={styles.source}>
              Source and type
            </th>
            <th role="columnheader" className={styles.channel}>
              Channel
            </th>
            <th role="columnheader" className={styles.priority}>
              Priority
            </th>
            <th role="columnheader">Reason</th>
            <th role="columnheader">
              Due or ended <span className={styles.zone}>{zone}</span>
            </th>
            <th role="columnheader" className={styles.attempts}>
              Attempts
            </th>
            <th role="columnheader" className={styles.why}>
              <span className="hidden-text">Why</span>
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map(({ row, hasLeft }, index) => (
            <Row
              key={row.id}
              delivery={row}
              hasLeft={hasLeft}
              isSelected={selection.ids.has(row.id)}
              isShown={row.id === (why ?? peek)}
              isInTabOrder={place < 0 ? index === 0 : index === place}
              onFocus={() => setActive(row.id)}
              onSelect={(isRange) =>
                isRange ? selection.extend(row.id) : selection.toggle(row.id)
              }
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
  isSelected: boolean;
  /** Whether the drawer shows it. */
  isShown: boolean;
  isInTabOrder: boolean;
  onFocus: () => void;
  onSelect: (isRange: boolean) => void;
  onShow: (view: "why" | "peek") => void;
}

function Row(props: RowProps) {
  const { delivery, hasLeft, isSelected, isShown, isInTabOrder } = props;
  const { id, status, recipient, source, type, channel, priority, reason, attemptCount } = delivery;
  const at = delivery.finishedAt ?? delivery.dueAt;
  return (
    <tr
      role="row"
      id={rowId(id)}
      tabIndex={isInTabOrder ? 0 : -1}
      className={styles.row}
      data-left={hasLeft}
      data-shown={isShown}
      aria-selected={isSelected}
      onFocus={props.onFocus}
      onKeyDown={(event) => {
        if (event.target !== event.currentTarget) return;
        if (event.key === "Enter") props.onShow("peek");
        else if (event.key === "X" && event.shiftKey) props.onSelect(true);
        else return;
        event.preventDefault();
      }}
      onClick={(event) => {
        if (!(event.target as Element).closest("a, button, input, label")) props.onShow("peek");
      }}
    >
      <td role="cell" className={styles.check}>
        <input
          type="checkbox"
          tabIndex={-1}
          aria-label={`Select ${shortenId(id)}`}
          checked={isSelected}
          onChange={({ nativeEvent }) => props.onSelect((nativeEvent as MouseEvent).shiftKey)}
        />
      </td>
      <td role="cell" className={styles.status}>
        <StatusChip status={status} />
        {hasLeft && <span className="hidden-text">, no longer matches</span>}
      </td>
      <td role="cell" className={styles.recipient}>
        <ShortId id={recipient} />
      </td>
      <td role="cell" className={styles.source}>
        {source.startsWith("cmp_") ? (
          <Link to="/campaigns/$id" params={{ id: source }} tabIndex={-1}>
            Campaign
          </Link>
        ) : (
          <Link to="/deliveries" search={{ source }} tabIndex={-1} title={source}>
            Notification
          </Link>
        )}
        {type !== null && <span className="muted"> · {type}</span>}
      </td>
      <td role="cell" className={styles.channel}>
        <span className={styles.withIcon}>
          <Icon name={channel as Channel} />
          {channelWords[channel as Channel]}
        </span>
      </td>
      <td role="cell" className={styles.priority} data-priority={priority}>
        {priorityWords[priority]}
      </td>
      <td role="cell" className={styles.reason}>
        {reason === null ? <span className="muted">–</span> : wordsOfReason(reason)}
      </td>
      <td role="cell" className={styles.at}>
        {at !== null && <ShortInstant at={at} />}
      </td>
      <td role="cell" className={styles.attempts}>
        {attemptCount}
      </td>
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
