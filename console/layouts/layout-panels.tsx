import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Panel } from "../parts/page.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { ActorName } from "../parts/actor-name.tsx";
import versions from "../templates/versions-panel.module.css";
import { type Layout, layoutUsersQuery, layoutVersionsQuery } from "./queries.ts";

/** The templates whose active version includes a layout, and the layouts that do. */
export function LayoutUsers({ layout: { key, version } }: { layout: Layout }) {
  const { data, error, refetch } = useQuery(layoutUsersQuery(key));
  return (
    <Panel title="Used by" isFlush>
      {data ? (
        data.templates.length + data.layouts.length === 0 ? (
          <p className={`${versions.keys} muted`}>Nothing includes it yet.</p>
        ) : (
          <table className={table.table}>
            <thead>
              <tr>
                <th>Template or layout</th>
                <th className={table.number}>Has version</th>
              </tr>
            </thead>
            <tbody>
              {data.templates.map((user) => (
                <tr key={user.key}>
                  <td>
                    <Link to="/templates/$key" params={{ key: user.key }} className={table.name}>
                      {user.name}
                    </Link>
                  </td>
                  <td className={table.number}>
                    {user.layoutVersion}
                    {user.layoutVersion < version && (
                      <span className="muted">, until it is saved again</span>
                    )}
                  </td>
                </tr>
              ))}
              {data.layouts.map((each) => (
                <tr key={`layout ${each}`}>
                  <td>
                    <Link to="/layouts/$key" params={{ key: each }} className={table.name}>
                      {each}
                    </Link>{" "}
                    <span className="muted">layout</span>
                  </td>
                  <td className={table.number}>the latest</td>
                </tr>
              ))}
            </tbody>
          </table>
        )
      ) : error ? (
        <Failed what="the users" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="the users" rows={2} />
      )}
    </Panel>
  );
}

/** The versions of a layout, each to be compared with the text. */
export function LayoutVersions({ layout: { key, version: latest } }: { layout: Layout }) {
  const zone = useZone();
  const { data, error, refetch } = useQuery(layoutVersionsQuery(key));
  return (
    <Panel title="Versions" isFlush aside={<span className="muted">{zone}</span>}>
      {data ? (
        <ol className={versions.list}>
          {data.items.map(({ version, createdAt, createdBy }) => (
            <li key={version} aria-current={version === latest ? "true" : undefined}>
              <span className={versions.number}>Version {version}</span>
              <span className={versions.by}>
                <ActorName id={createdBy} /> <ShortInstant at={createdAt} />
              </span>
              <Link
                from="/layouts/$key"
                to="."
                search={(before) => ({ ...before, compare: String(version) })}
                aria-label={`Compare with version ${version}`}
              >
                Compare
              </Link>
            </li>
          ))}
        </ol>
      ) : error ? (
        <Failed what="the versions" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="the versions" rows={3} />
      )}
    </Panel>
  );
}
