import { Link, useNavigate } from "@tanstack/react-router";
import { Icon } from "../parts/icon.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { useRowKeys } from "../parts/row-keys.ts";
import table from "../parts/table.module.css";
import { channelWords } from "../words/statuses.ts";
import type { Recipient } from "./queries.ts";
import styles from "./recipient-table.module.css";

/** The rows of the list. The keys j, k, Enter and o work on the row that has, or last had, the focus. */
export function RecipientTable({
  recipients,
  isStale,
}: {
  recipients: readonly Recipient[];
  isStale: boolean;
}) {
  const zone = useZone();
  const navigate = useNavigate();
  const open = (id: string) => void navigate({ to: "/recipients/$id", params: { id } });
  const { propsOf } = useRowKeys({ ids: recipients.map(({ id }) => id), keys: { o: open } });
  return (
    <table className={table.table} aria-label="Recipients" aria-busy={isStale}>
      <thead>
        <tr>
          <th>External id</th>
          <th className={table.wide}>Email</th>
          <th className={table.wide}>Phone</th>
          <th>Reached by</th>
          <th className={table.wide}>Time zone</th>
          <th className={table.wide}>Locale</th>
          <th className={table.wide}>Created ({zone})</th>
        </tr>
      </thead>
      <tbody>
        {recipients.map(({ id, externalId, email, phone, reachableBy, ...recipient }) => (
          <tr
            key={id}
            {...propsOf(id)}
            className={styles.row}
            onKeyDown={({ key, target, currentTarget }) => {
              if (key === "Enter" && target === currentTarget) open(id);
            }}
          >
            <td>
              <Link to="/recipients/$id" params={{ id }} tabIndex={-1} className={table.name}>
                {externalId}
              </Link>
              <span className={styles.second}>{email}</span>
            </td>
            <td className={table.wide}>{email ?? <span className="muted">none</span>}</td>
            <td className={table.wide}>{phone ?? <span className="muted">none</span>}</td>
            <td>
              <span className={styles.channels}>
                {reachableBy.map((channel) => (
                  <span key={channel} title={channelWords[channel]}>
                    <Icon name={channel} />
                    <span className="hidden-text">{channelWords[channel]}</span>
                  </span>
                ))}
                {reachableBy.length === 0 && <span className="muted">inbox only</span>}
              </span>
            </td>
            <td className={table.wide}>{recipient.timeZone}</td>
            <td className={table.wide}>{recipient.locale}</td>
            <td className={table.wide}>
              <ShortInstant at={recipient.createdAt} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
