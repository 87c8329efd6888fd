import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { CountedStatus, DeliveryStatus } from "../../domain/delivery/status.ts";
import { useZone } from "../parts/instant.tsx";
import { useNow } from "../parts/now.ts";
import { Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { StatusChip } from "../parts/status-chip.tsx";
import { formatShort } from "../words/instants.ts";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { capitalise } from "../words/statuses.ts";
import { ChartTable } from "./chart-table.tsx";
import { type Outcomes, type OutcomeSpan, stepMs } from "./outcomes.ts";
import { outcomesQuery } from "./outcomes-query.ts";
import styles from "./outcome-chart.module.css";
import { TimeBars } from "./time-bars.tsx";

interface OutcomeChartProps {
  /** What the chart shows, as the caption of its table. */
  caption: string;
  filters: Parameters<typeof outcomesQuery>[0];
  span: OutcomeSpan;
  /** What is said where nothing has ended. */
  none: string;
}

/** How many deliveries ended when, by status. The numbers of a campaign are links to its deliveries. */
export function OutcomeChart({ caption, filters, span, none }: OutcomeChartProps) {
  const { data, error, refetch } = useQuery({
    ...outcomesQuery(filters, span),
    placeholderData: keepPreviousData,
  });
  const retry = () => void refetch();
  if (!data)
    return error ? (
      <Failed what="the numbers over time" error={error} retry={retry} />
    ) : (
      <Loading what="the numbers over time" rows={3} />
    );
  return (
    <>
      {error && <ProblemBanner error={error} retry={retry} />}
      {data.series.length === 0 ? (
        <p className="muted">{none}</p>
      ) : (
        <Chart outcomes={data} caption={caption} filters={filters} />
      )}
    </>
  );
}

function Chart({
  outcomes: { step, begins, series },
  caption,
  filters: { campaign: source, provider },
}: Pick<OutcomeChartProps, "caption" | "filters"> & { outcomes: Outcomes }) {
  const [zone, now] = [useZone(), useNow()];
  const timeOf = (bar: number) => formatShort(begins[bar]!, zone, now);
  const end = new Date(Date.parse(begins.at(-1)!) + stepMs(step)).toISOString();
  const sums = begins.map((_, bar) => series.reduce((sum, { counts }) => sum + counts[bar]!, 0));
  const most = Math.max(...sums);
  const describe = (bar: number) =>
    `${timeOf(bar)}: ${series
      .filter(({ counts }) => counts[bar] !== 0)
      .map(({ status, counts }) => `${formatCount(counts[bar]!)} ${status}`)
      .join(", ")}`;
  const isSentIn = (bar: number) =>
    series.some(
      ({ status, counts }) => (status === "sent" || status === "delivered") && counts[bar] !== 0,
    );
  // Deliveries are not listed by provider, nor by the time at which they ended in another way.
  const deliveriesOf = (bar: number) =>
    provider === undefined && isSentIn(bar)
      ? {
          ...(source !== undefined && { source }),
          sentFrom: begins[bar]!,
          sentBefore: new Date(Date.parse(begins[bar]!) + stepMs(step)).toISOString(),
        }
      : null;
  return (
    <div className={styles.chart}>
      <ul className={styles.legend}>
        {series.map(({ status, total }) => (
          <li key={status}>
            <Total status={status} total={total} source={source} />
          </li>
        ))}
      </ul>
      <div className={styles.drawing}>
        <span className={styles.most}>{formatCount(most)}</span>
        <TimeBars
          series={series}
          length={begins.length}
          describe={describe}
          deliveriesOf={deliveriesOf}
        />
      </div>
      <div className={styles.axis}>
        <span>{timeOf(0)}</span>
        <span>{zone}</span>
        <span>{formatShort(end, zone, now)}</span>
      </div>
      <p className="muted">
        Each bar is {step.words}. At most {formatNoun(most, "delivery", "deliveries")} ended in one,
        from {timeOf(sums.indexOf(most))}.
        {begins.some((_, bar) => deliveriesOf(bar) !== null) &&
          " A bar leads to the deliveries that were sent in it."}
      </p>
      <ChartTable
        caption={`${caption}, by status (${zone})`}
        of={`${capitalise(step.words)} from`}
        columns={series.map(({ status }) => capitalise(status))}
        rows={begins
          .map((_, bar) => ({
            name: timeOf(bar),
            values: series.map(({ counts }) => formatCount(counts[bar]!)),
          }))
          .filter((_, bar) => sums[bar] !== 0)}
      />
    </div>
  );
}

function Total({
  status,
  total,
  source,
}: {
  status: CountedStatus;
  total: number;
  source: string | undefined;
}) {
  // What is open has not ended.
  const ended = status as DeliveryStatus;
  return (
    <>
      <StatusChip status={ended} />
      {source === undefined ? (
        formatCount(total)
      ) : (
        <Link to="/deliveries" search={{ source, status: [ended] }}>
          {formatCount(total)}
        </Link>
      )}
    </>
  );
}
