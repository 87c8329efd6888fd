import { useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { ActorName } from "../parts/actor-name.tsx";
import { ChangeList } from "../parts/change-list.tsx";
import { listChanges } from "../parts/changes.ts";
import { Instant } from "../parts/instant.tsx";
import { Panel } from "../parts/page.tsx";
import { Empty, Failed, Loading } from "../parts/states.tsx";
import { formatCount } from "../words/numbers.ts";
import { preferenceVersionQuery, preferenceVersionsQuery } from "./queries.ts";
import styles from "./preference-versions.module.css";

/** The versions of the preferences, and what each has changed. */
export function PreferenceVersions({
  id,
  latest,
  shown,
}: {
  id: string;
  latest: number;
  shown: string | undefined;
}) {
  const search = useSearch({ from: "/recipients/$id" });
  const { data, error, refetch } = useQuery(preferenceVersionsQuery(id));
  return (
    <Panel title="Versions" isFlush>
      {data ? (
        data.items.length > 0 ? (
          <ol className={styles.versions}>
            {data.items.map(({ version, createdBy, createdAt }) => (
              <li key={version}>
                <Link
                  to="/recipients/$id"
                  params={{ id }}
                  search={{
                    ...search,
                    version: shown === String(version) ? undefined : String(version),
                  }}
                  aria-expanded={shown === String(version)}
                >
                  Version {version}
                  {version === latest && ", in force"}
                </Link>
                <span className="muted">
                  <Instant at={createdAt} />
                </span>
                <span className="muted">
                  by <ActorName id={createdBy} />
                </span>
                {shown === String(version) && <Difference id={id} version={version} />}
              </li>
            ))}
            {data.nextCursor !== null && (
              <li className="muted">Shown: the latest {formatCount(data.items.length)}.</li>
            )}
          </ol>
        ) : (
          <Empty icon="person" title="Nothing stated yet">
            Everything follows the type of the message or the policy.
          </Empty>
        )
      ) : error ? (
        <Failed what="the versions" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="the versions" rows={4} />
      )}
    </Panel>
  );
}

function Difference({ id, version }: { id: string; version: number }) {
  const now = useQuery(preferenceVersionQuery(id, version));
  const before = useQuery(preferenceVersionQuery(id, version - 1));
  const error = now.error ?? before.error;
  if (error)
    return (
      <p className={styles.difference}>
        The version before it is not stored any more, so that it cannot be compared.
      </p>
    );
  if (!now.data || !before.data) return <Loading what="the versions" rows={2} />;
  return (
    <div className={styles.difference}>
      <ChangeList changes={listChanges(before.data, now.data)} />
    </div>
  );
}
