import { Link } from "@tanstack/react-router";
import { ChartTable } from "../charts/chart-table.tsx";
import chart from "../charts/outcome-chart.module.css";
import { TimeBars } from "../charts/time-bars.tsx";
import { useNow } from "../parts/now.ts";
import { Panel } from "../parts/page.tsx";
import { StatusChip } from "../parts/status-chip.tsx";
import { formatShort } from "../words/instants.ts";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { capitalise } from "../words/statuses.ts";
import type { Overview } from "./queries.ts";
import { type AnalyticsSearch, deliveriesOf } from "./search.ts";

const statuses = ["delivered", "sent", "suppressed", "failed", "unknown", "cancelled"] as const;

/** How the deliveries ended, over time. */
export function OutcomesPanel({
  report: { intervals, total, previous, to },
  search,
  zone,
}: {
  report: Overview;
  search: AnalyticsSearch;
  zone: string;
}) {
  const now = useNow();
  const timeOf = (bar: number) => formatShort(intervals[bar]!.from, zone, now);
  const series = statuses
    .map((status) => ({ status, counts: intervals.map(({ counts }) => counts[status]) }))
    .filter(({ status }) => total.counts[status] > 0);
  const most = Math.max(...intervals.map(({ counts }) => counts.accepted));
  const describe = (bar: number) =>
    `${timeOf(bar)}: ${series
      .filter(({ counts }) => counts[bar] !== 0)
      .map(({ status, counts }) => `${formatCount(counts[bar]!)} ${status}`)
      .join(", ")}`;
  const isByHour =
    intervals.length > 1 &&
    Date.parse(intervals[1]!.from) - Date.parse(intervals[0]!.from) < 86_400_000 / 2;
  return (
    <Panel
      title="Outcomes over time"
      aside={
        <span className="muted figures">
          {formatNoun(total.counts.accepted, "delivery", "deliveries")}
          {search.compare === undefined &&
            `, ${formatCount(previous.counts.accepted)} in the period before`}
        </span>
      }
    >
      <div className={chart.chart}>
        <ul className={chart.legend}>
          {series.map(({ status }) => (
            <li key={status}>
              <StatusChip status={status} />
              <Link to="/deliveries" search={{ ...deliveriesOf(search), status: [status] }}>
                {formatCount(total.counts[status])}
              </Link>
            </li>
          ))}
        </ul>
        <div className={chart.drawing}>
          <span className={chart.most}>{formatCount(most)}</span>
          <TimeBars series={series} length={intervals.length} describe={describe} />
        </div>
        <div className={chart.axis}>
          <span>{timeOf(0)}</span>
          <span>{zone}</span>
          <span>{formatShort(to, zone, now)}</span>
        </div>
        <p className="muted">
          Each bar is {isByHour ? "an hour" : "a day"}, in which the deliveries were handed over, or
          ended otherwise.
        </p>
        <ChartTable
          caption={`Outcomes over time, by status (${zone})`}
          of="From"
          columns={series.map(({ status }) => capitalise(status))}
          rows={intervals
            .map((_, bar) => ({
              name: timeOf(bar),
              values: series.map(({ counts }) => formatCount(counts[bar]!)),
            }))
            .filter((_, bar) => intervals[bar]!.counts.accepted > 0)}
        />
      </div>
    </Panel>
  );
}
