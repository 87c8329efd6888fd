import { useQuery } from "@tanstack/react-query";
import { Panel } from "../parts/page.tsx";
import { Empty } from "../parts/states.tsx";
import { formatCount, formatNoun, formatShare } from "../words/numbers.ts";
import styles from "./bar-list.module.css";
import { segmentsQuery } from "./queries.ts";
import { ReportPart } from "./report-part.tsx";

const stateWords = {
  active: ["Active", "engaged in the last 30 days"],
  cooling: ["Cooling", "in the last 90 days"],
  dormant: ["Dormant", "longer ago"],
  never: ["Never", "not yet engaged"],
} as const;

/** How long ago recipients engaged: of now, whatever time the screen shows. */
export function SegmentsPanel() {
  const query = useQuery(segmentsQuery);
  return (
    <Panel
      title="Recipients by engagement"
      aside={
        query.data && (
          <span className="muted figures">{formatNoun(query.data.total, "recipient")} now</span>
        )
      }
    >
      <ReportPart what="the recipients" query={query}>
        {({ total, segments }) =>
          total === 0 ? (
            <Empty icon="person" title="There is no recipient yet" />
          ) : (
            <table className={styles.bars}>
              <caption className="hidden-text">Recipients by their last engagement</caption>
              <thead className="hidden-text">
                <tr>
                  <th scope="col">Last engagement</th>
                  <th scope="col">Share</th>
                  <th scope="col">Recipients</th>
                </tr>
              </thead>
              <tbody>
                {segments.map(({ state, recipients, share }) => (
                  <tr key={state}>
                    <th scope="row">
                      {stateWords[state][0]}
                      <span className={styles.small}>{stateWords[state][1]}</span>
                    </th>
                    <td className={styles.drawing}>
                      <span className={styles.track}>
                        <span className={styles.bar} style={{ width: `${100 * (share ?? 0)}%` }} />
                      </span>
                      <span className="muted">{formatShare(share ?? 0)}</span>
                    </td>
                    <td className={styles.number}>{formatCount(recipients)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }
      </ReportPart>
    </Panel>
  );
}
