import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { dayMs } from "../../domain/time/durations.ts";
import bars from "../analytics/bar-list.module.css";
import type { Figures, Rate, RateName } from "../analytics/queries.ts";
import { ReportPart } from "../analytics/report-part.tsx";
import { formatInterval, formatRate } from "../analytics/words.ts";
import { useZone } from "../parts/instant.tsx";
import { useNow } from "../parts/now.ts";
import { Panel } from "../parts/page.tsx";
import { Empty } from "../parts/states.tsx";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { engagementQuery } from "./engagement-queries.ts";
import styles from "./engagement.module.css";

interface EngagementPanelProps {
  id: string;
  frozenAt: string;
  /** What the campaign, or its type, asks to know. */
  tracking: { opens: boolean; clicks: boolean };
}

/** How many people opened, clicked, unsubscribed, bounced and complained, of those to whom a message was handed over. */
export function EngagementPanel({ id, frozenAt, tracking }: EngagementPanelProps) {
  const query = useQuery(engagementQuery(id, frozenAt));
  return (
    <Panel title="What people did" aside={<AnalyticsLink id={id} frozenAt={frozenAt} />}>
      <ReportPart what="what people did" query={query}>
        {({ total }) =>
          total.counts.handedOver === 0 ? (
            <Empty title="Nothing has been handed over yet">
              The numbers follow some seconds after the messages.
            </Empty>
          ) : (
            <Engagement total={total} tracking={tracking} />
          )
        }
      </ReportPart>
    </Panel>
  );
}

function Engagement({
  total: { counts, rates },
  tracking,
}: Pick<EngagementPanelProps, "tracking"> & { total: Figures }) {
  const hasOpens = tracking.opens || counts.opened + counts.openedByMachine > 0;
  const hasClicks = tracking.clicks || counts.clicked + counts.clickedByMachine > 0;
  const rows: (readonly [string, RateName, number | null])[] = [
    ...(hasOpens ? [["Opened", "openRate", counts.openedByMachine] as const] : []),
    ...(hasClicks ? [["Clicked", "clickRate", counts.clickedByMachine] as const] : []),
    ["Unsubscribed", "unsubscribeRate", null],
    ["Bounced", "bounceRate", null],
    ["Complained", "complaintRate", null],
  ];
  return (
    <div className={styles.engagement}>
      <p>
        {formatNoun(counts.handedOver, "message was", "messages were")} handed over, of which{" "}
        {formatCount(counts.arrived)} have not bounced.
        {!hasOpens && !hasClicks && " Opens and clicks are not tracked."}
      </p>
      <table className={bars.bars}>
        <caption className="hidden-text">What people did with the messages</caption>
        <thead className="hidden-text">
          <tr>
            <th scope="col">What</th>
            <th scope="col">Share</th>
            <th scope="col">People</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, rate, byPrograms]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>
                <Share
                  rate={rates[rate]}
                  of={rate === "bounceRate" ? "handed over" : "not bounced"}
                />
              </td>
              <td className={`${bars.number} ${styles.people}`}>
                {formatCount(rates[rate].numerator)}
                {byPrograms !== null && (
                  <span className={bars.small}>{formatCount(byPrograms)} by programs</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="muted">
        Each message counts once.
        {(hasOpens || hasClicks) &&
          " Programs, such as mail filters that follow every link, are counted apart and are in no share."}
      </p>
    </div>
  );
}

function Share({ rate, of }: { rate: Rate; of: string }) {
  return (
    <>
      <div className={`${bars.drawing} ${styles.drawing}`}>
        <span className={bars.track}>
          <span className={bars.bar} style={{ width: `${100 * (rate.value ?? 0)}%` }} />
        </span>
        <span>{formatRate(rate)}</span>
      </div>
      <span className={bars.small}>
        of {formatCount(rate.denominator)} {of}
        {rate.value !== null && (
          <span className={styles.interval}>
            {" "}
            · <span className="hidden-text">95% interval: </span>
            {formatInterval(rate)}
          </span>
        )}
      </span>
    </>
  );
}

/** The longest time of a report, whose intervals are days. */
const longestReportMs = 790 * dayMs;

/** Leads to the analytics of the campaign, since its beginning. */
function AnalyticsLink({ id, frozenAt }: Pick<EngagementPanelProps, "id" | "frozenAt">) {
  const [zone, now] = [useZone(), useNow().getTime()];
  const dayOf = (at: number) => new Intl.DateTimeFormat("sv-SE", { timeZone: zone }).format(at);
  const from = dayOf(Math.max(Date.parse(frozenAt), now - longestReportMs));
  return (
    <Link to="/analytics" search={{ source: id, from, to: dayOf(now) }}>
      Analytics of the campaign
    </Link>
  );
}
