import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { campaignAuditQuery } from "./queries.ts";
import { includesRole, useSession } from "../api/session.ts";
import { ActorName } from "../parts/actor-name.tsx";
import { Instant } from "../parts/instant.tsx";
import { List } from "../parts/list.tsx";
import { Panel } from "../parts/page.tsx";
import { Empty } from "../parts/states.tsx";
import { describeAction } from "../words/actions.ts";
import { ChangeList } from "../parts/change-list.tsx";
import { listChanges } from "../parts/changes.ts";
import styles from "./audit-tab.module.css";

/** What the line of an entry, or the page, says already. */
const shownElsewhere: ReadonlySet<string> = new Set(["id", "createdAt", "createdBy", "updatedAt"]);

/** Whether a new resource has no value there. */
const isNone = (values: readonly unknown[]) =>
  values.every((value) => value === null || value === undefined);

/** Who has changed a campaign, when, and what. Only admins may read it. */
export function AuditTab({ id }: { id: string }) {
  const { role } = useSession();
  const { cursor } = useSearch({ from: "/campaigns/$id" });
  const navigate = useNavigate({ from: "/campaigns/$id" });
  const isAdmin = includesRole(role, "admin");
  const query = useQuery({
    ...campaignAuditQuery(id, cursor),
    enabled: isAdmin,
    placeholderData: keepPreviousData,
  });
  if (!isAdmin)
    return (
      <Panel>
        <Empty icon="shield" title="The audit trail needs the role admin">
          You have the role {role}. Ask an administrator who has changed this campaign.
        </Empty>
      </Panel>
    );
  return (
    <Panel title="Changes of this campaign" isFlush>
      <List
        what="the audit trail"
        query={query}
        cursor={cursor}
        onTurn={(next) => void navigate({ search: (search) => ({ ...search, cursor: next }) })}
        empty={
          <Empty title="No changes">
            The audit trail has no entry of this campaign. Entries are removed when their retention
            ends.
          </Empty>
        }
      >
        {({ items }) => (
          <ol className={styles.entries}>
            {items.map(({ id: entry, actor, action, before, after, createdAt }) => (
              <li key={entry}>
                <p className={styles.line}>
                  <strong>{describeAction(action)}</strong>
                  <span>
                    by <ActorName id={actor} />
                  </span>
                  <Instant at={createdAt} />
                </p>
                <ChangeList
                  changes={listChanges(before ?? undefined, after ?? undefined).filter(
                    ({ path, from, to }) => !shownElsewhere.has(path) && !isNone([from, to]),
                  )}
                />
              </li>
            ))}
          </ol>
        )}
      </List>
    </Panel>
  );
}
