import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Chip } from "../parts/status-chip.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Panel } from "../parts/page.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import { ActorName } from "../parts/actor-name.tsx";
import { type Template, versionsQuery } from "./queries.ts";
import styles from "./versions-panel.module.css";

/** The versions of a template: the one that is shown, the active one, and who made each. */
export function VersionsPanel({
  template: { key, activeVersion },
  shown,
  isDirty,
}: {
  template: Template;
  shown: number;
  /** Whether the text differs from the version that is shown: other versions are compared with it then. */
  isDirty: boolean;
}) {
  const zone = useZone();
  const { data, error, refetch } = useQuery(versionsQuery(key));
  return (
    <Panel title="Versions" isFlush aside={<span className="muted">{zone}</span>}>
      {data ? (
        <ol className={styles.list}>
          {data.items.map(({ version, createdAt, createdBy }) => (
            <li key={version} aria-current={version === shown ? "true" : undefined}>
              <span className={styles.number}>
                {isDirty || version === shown ? (
                  `Version ${version}`
                ) : (
                  <Link
                    from="/templates/$key"
                    to="."
                    search={(before) => ({ ...before, version: String(version) })}
                  >
                    Version {version}
                  </Link>
                )}
                {version === activeVersion.version && (
                  <Chip tone="delivered" icon="check" word="Active" />
                )}
                {version === shown && <span className="muted">shown</span>}
              </span>
              <span className={styles.by}>
                <ActorName id={createdBy} /> <ShortInstant at={createdAt} />
              </span>
              {version !== shown || isDirty ? (
                <Link
                  from="/templates/$key"
                  to="."
                  search={(before) => ({ ...before, compare: String(version) })}
                  aria-label={`Compare with version ${version}`}
                >
                  Compare
                </Link>
              ) : (
                <span />
              )}
            </li>
          ))}
        </ol>
      ) : error ? (
        <Failed what="the versions" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="the versions" rows={3} />
      )}
      <p className={styles.keys}>
        <kbd>[</kbd> <kbd>]</kbd> previous and next version
        {data && data.nextCursor !== null && ". The latest 100 are listed"}
      </p>
    </Panel>
  );
}
