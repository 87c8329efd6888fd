import { useQuery } from "@tanstack/react-query";
import { useSession } from "../api/session.ts";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Panel } from "../parts/page.tsx";
import { AuditedResource } from "../parts/audited-resource.tsx";
import { Empty, Failed, Loading } from "../parts/states.tsx";
import { describeAction } from "../words/actions.ts";
import { recentChangesQuery } from "./queries.ts";
import styles from "./recent-changes.module.css";

/** The newest entries of the audit trail. */
export function RecentChanges() {
  const { role } = useSession();
  const isAdmin = role === "admin";
  const { data, error, refetch } = useQuery({ ...recentChangesQuery, enabled: isAdmin });
  const zone = useZone();
  return (
    <Panel title="Recent changes" isFlush aside={isAdmin && <span className="muted">{zone}</span>}>
      {!isAdmin ? (
        <Empty title="Only admins see changes">
          The audit trail needs the role admin. You have the role {role}.
        </Empty>
      ) : data ? (
        data.items.length === 0 ? (
          <Empty title="No changes yet">
            Every change is recorded here with its author, such as a campaign that is paused.
          </Empty>
        ) : (
          <ul className={styles.list}>
            {data.items.map(({ id, action, resource, createdAt }) => (
              <li key={id}>
                <strong>{describeAction(action)}</strong>
                <span className={styles.resource}>
                  <AuditedResource action={action} resource={resource} />
                </span>
                <ShortInstant at={createdAt} />
              </li>
            ))}
          </ul>
        )
      ) : error ? (
        <Failed what="the changes" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="the changes" rows={4} />
      )}
    </Panel>
  );
}
