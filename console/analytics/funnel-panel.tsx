import { useQuery } from "@tanstack/react-query";
import { Panel } from "../parts/page.tsx";
import { Empty } from "../parts/states.tsx";
import { formatCount } from "../words/numbers.ts";
import styles from "./bar-list.module.css";
import { funnelQuery } from "./queries.ts";
import { ReportPart } from "./report-part.tsx";
import type { AnalyticsSearch } from "./search.ts";
import { formatRate } from "./words.ts";

const stepWords = {
  accepted: "Ended",
  handedOver: "Handed over",
  arrived: "Not bounced",
  opened: "Opened",
  clicked: "Clicked",
  acted: "Acted on",
} as const;

/** How far deliveries came. */
export function FunnelPanel({ search, zone }: { search: AnalyticsSearch; zone: string }) {
  const query = useQuery(funnelQuery(search, zone));
  return (
    <Panel title="Funnel">
      <ReportPart what="the funnel" query={query}>
        {({ steps, previous }) =>
          steps[0]!.count === 0 ? (
            <Empty title="Nothing ended in this time" />
          ) : (
            <table className={styles.bars}>
              <caption className="hidden-text">How far deliveries came</caption>
              <thead className="hidden-text">
                <tr>
                  <th scope="col">Step</th>
                  <th scope="col">Share of all that ended</th>
                  <th scope="col">Deliveries</th>
                </tr>
              </thead>
              <tbody>
                {steps.map(({ name, count, ofFirst }, place) => (
                  <tr key={name}>
                    <th scope="row">{stepWords[name]}</th>
                    <td className={styles.drawing}>
                      <span className={styles.track}>
                        <span
                          className={styles.bar}
                          style={{ width: `${100 * (ofFirst.value ?? 0)}%` }}
                        />
                      </span>
                      <span className="muted">{formatRate(ofFirst)}</span>
                    </td>
                    <td className={styles.number}>
                      {formatCount(count)}
                      {search.compare === undefined && (
                        <span className={styles.small}>
                          {formatCount(previous[place]!.count)} before
                        </span>
                      )}
                    </td>
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
