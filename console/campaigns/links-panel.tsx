import { useQuery } from "@tanstack/react-query";
import { ReportPart } from "../analytics/report-part.tsx";
import { Panel } from "../parts/page.tsx";
import { Empty } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { formatCount } from "../words/numbers.ts";
import { linksQuery } from "./engagement-queries.ts";
import styles from "./engagement.module.css";

/** The links of a campaign's emails, those that most people followed first. */
export function LinksPanel({ id }: { id: string }) {
  const query = useQuery(linksQuery(id));
  return (
    <Panel title="Links" isFlush>
      <ReportPart what="the links" query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No links">
              The message has no links to web pages. Those of Tidings itself are not counted.
            </Empty>
          ) : (
            <div className={table.scroll}>
              <table className={table.table} aria-label="Links of the campaign">
                <thead>
                  <tr>
                    <th scope="col">Link</th>
                    <th scope="col" className={table.number}>
                      People
                    </th>
                    <th scope="col" className={`${table.number} ${table.wide}`}>
                      Clicks
                    </th>
                    <th scope="col" className={table.number}>
                      Programs
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {items.map(({ url, people, clicks, machines }) => (
                    <tr key={url}>
                      <td className={styles.link}>
                        {url === null ? (
                          <span className="muted">Links that come from data as a whole</span>
                        ) : (
                          <span className="mono">{url}</span>
                        )}
                      </td>
                      <td className={table.number}>{formatCount(people)}</td>
                      <td className={`${table.number} ${table.wide}`}>{formatCount(clicks)}</td>
                      <td className={table.number}>{formatCount(machines)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </ReportPart>
    </Panel>
  );
}
