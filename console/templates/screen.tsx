import { useQuery } from "@tanstack/react-query";
import { templatesQuery } from "./queries.ts";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Empty, Failed, Loading } from "../parts/states.tsx";
import table from "../parts/table.module.css";

/** The templates that are not archived. */
export function TemplatesScreen() {
  const zone = useZone();
  const { data, error, refetch } = useQuery(templatesQuery({ archived: "false", limit: "200" }));
  return (
    <Page title="Templates" documentTitle="Templates">
      <Panel isFlush>
        {data ? (
          data.items.length === 0 ? (
            <Empty icon="templates" title="No templates yet">
              A template has a subject and a text with variables. Create one with POST
              /v1/templates.
            </Empty>
          ) : (
            <table className={table.table}>
              <thead>
                <tr>
                  <th>Name</th>
                  <th>Key</th>
                  <th className={table.number}>Active version</th>
                  <th className={`${table.number} ${table.wide}`}>Latest version</th>
                  <th className={table.wide}>Created ({zone})</th>
                </tr>
              </thead>
              <tbody>
                {data.items.map(({ id, key, name, activeVersion, latestVersion, createdAt }) => (
                  <tr key={id}>
                    <td>
                      <strong>{name}</strong>
                    </td>
                    <td>
                      <code>{key}</code>
                    </td>
                    <td className={table.number}>{activeVersion.version}</td>
                    <td className={`${table.number} ${table.wide}`}>{latestVersion}</td>
                    <td className={table.wide}>
                      <ShortInstant at={createdAt} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        ) : error ? (
          <Failed what="the templates" error={error} retry={() => void refetch()} />
        ) : (
          <Loading what="the templates" />
        )}
      </Panel>
    </Page>
  );
}
