import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ActorName } from "../parts/actor-name.tsx";
import { Button } from "../parts/button.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Panel } from "../parts/page.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { comparable, DiffView } from "./diff-view.tsx";
import type { Draft } from "./draft.ts";
import { versionQuery, versionsQuery } from "./queries.ts";

interface VersionsPanelProps {
  ruleKey: string;
  /** Takes over what a version says as a draft. */
  onTake: (draft: Draft) => void;
}

/** The versions of a rule, what each has changed, and the way back to one. */
export function VersionsPanel({ ruleKey, onTake }: VersionsPanelProps) {
  const { data, error, refetch } = useQuery(versionsQuery(ruleKey));
  const [chosen, choose] = useState<number | null>(null);
  const zone = useZone();
  const newest = data?.items[0]?.version;
  const shown = chosen ?? newest;
  return (
    <>
      <Panel title="Versions" isFlush>
        {data ? (
          <div className={table.scroll}>
            <table className={table.table}>
              <thead>
                <tr>
                  <th>Version</th>
                  <th>Saved ({zone})</th>
                  <th className={table.wide}>By</th>
                  <th>
                    <span className="hidden-text">Compare</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {data.items.map(({ version, createdAt, createdBy }) => (
                  <tr key={version}>
                    <td>
                      {version}
                      {version === newest && <span className="muted"> (now)</span>}
                    </td>
                    <td>
                      <ShortInstant at={createdAt} />
                    </td>
                    <td className={table.wide}>
                      <ActorName id={createdBy} />
                    </td>
                    <td className={table.number}>
                      <Button
                        kind="quiet"
                        aria-pressed={version === shown}
                        onClick={() => choose(version)}
                      >
                        What it changed
                      </Button>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        ) : error ? (
          <Failed what="the versions" error={error} retry={() => void refetch()} />
        ) : (
          <Loading what="the versions" />
        )}
      </Panel>
      {shown !== undefined && (
        <VersionDiff key={shown} ruleKey={ruleKey} version={shown} onTake={onTake} />
      )}
    </>
  );
}

function VersionDiff({ ruleKey, version, onTake }: VersionsPanelProps & { version: number }) {
  const after = useQuery(versionQuery(ruleKey, version));
  const before = useQuery({ ...versionQuery(ruleKey, version - 1), enabled: version > 1 });
  const error = after.error ?? before.error;
  return (
    <Panel
      title={version > 1 ? `From version ${version - 1} to ${version}` : "Version 1"}
      aside={
        after.data && (
          <Button needs="admin" onClick={() => onTake(comparable(after.data))}>
            Edit from version {version}
          </Button>
        )
      }
    >
      {after.data && version === 1 ? (
        <p className="muted">The first version: the rule was created with it.</p>
      ) : after.data && before.data ? (
        <DiffView
          before={comparable(before.data)}
          after={comparable(after.data)}
          label={`What version ${version} changed`}
        />
      ) : error ? (
        <Failed
          what="the version"
          error={error}
          retry={() => {
            void after.refetch();
            void before.refetch();
          }}
        />
      ) : (
        <Loading what="the version" />
      )}
    </Panel>
  );
}
