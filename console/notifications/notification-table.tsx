// On narrow screens the table is laid out as cards, and a table that is no table for the layout keeps its roles only if they are named.
// oxlint-disable jsx-a11y/no-redundant-roles, jsx-a11y/no-interactive-element-to-noninteractive-role
import { Link, useNavigate } from "@tanstack/react-router";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { useRowKeys } from "../parts/row-keys.ts";
import { ShortId } from "../parts/short-id.tsx";
import { listCounts, StackedBar } from "../parts/stacked-bar.tsx";
import table from "../parts/table.module.css";
import { TemplateLink } from "../parts/template-link.tsx";
import { formatCount } from "../words/numbers.ts";
import { priorityWords } from "../words/statuses.ts";
import type { ListedNotification } from "./queries.ts";
import styles from "./notification-table.module.css";

/** The rows of the list. The keys j, k, Enter and o work on the row that has, or last had, the focus. */
export function NotificationTable({
  notifications,
  isStale,
}: {
  notifications: readonly ListedNotification[];
  isStale: boolean;
}) {
  const zone = useZone();
  const navigate = useNavigate();
  const open = (id: string) => void navigate({ to: "/notifications/$id", params: { id } });
  const { propsOf } = useRowKeys({ ids: notifications.map(({ id }) => id), keys: { o: open } });
  return (
    <table
      role="table"
      aria-label="Notifications"
      className={`${table.table} ${styles.table}`}
      aria-busy={isStale}
    >
      <thead role="rowgroup">
        <tr role="row">
          <th role="columnheader">Notification</th>
          <th role="columnheader">Message</th>
          <th role="columnheader" className={table.wide}>
            Priority
          </th>
          <th role="columnheader" className={table.number}>
            Recipients
          </th>
          <th role="columnheader" className={styles.outcome}>
            Outcome
          </th>
          <th role="columnheader" className={table.wide}>
            To be sent ({zone})
          </th>
          <th role="columnheader">Created ({zone})</th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        {notifications.map((notification) => {
          const { id, template, type, priority, test, counts, sendAt, createdAt } = notification;
          const total = listCounts(counts).reduce((sum, [, count]) => sum + count, 0);
          return (
            <tr
              role="row"
              key={id}
              {...propsOf(id)}
              onKeyDown={({ key, target, currentTarget }) => {
                if (key === "Enter" && target === currentTarget) open(id);
              }}
            >
              <td role="cell" className={styles.id}>
                <ShortId id={id} tabIndex={-1} />
                {test && <span className={styles.test}>Test</span>}
              </td>
              <td role="cell" className={styles.message}>
                {template === null ? (
                  <span className="muted">Content of its own</span>
                ) : (
                  <TemplateLink template={template} tabIndex={-1} />
                )}
                {type !== null && <span className={`muted ${styles.type}`}>{type}</span>}
              </td>
              <td role="cell" className={table.wide}>
                {priorityWords[priority]}
              </td>
              <td role="cell" className={table.number}>
                <Link to="/deliveries" search={{ source: id }} tabIndex={-1}>
                  {formatCount(total)}
                </Link>
                <span className={styles.unit}>{total === 1 ? " recipient" : " recipients"}</span>
              </td>
              <td role="cell" className={styles.outcome}>
                <StackedBar counts={counts} label="Deliveries" />
                <span className={styles.words}>{describe(notification)}</span>
              </td>
              <td role="cell" className={table.wide}>
                <ShortInstant at={sendAt} />
              </td>
              <td role="cell">
                <ShortInstant at={createdAt} />
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

const describe = ({ counts }: ListedNotification): string =>
  listCounts(counts)
    .map(([status, count]) => `${formatCount(count)} ${status}`)
    .join(", ");
