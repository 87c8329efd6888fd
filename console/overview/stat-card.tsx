import type { UseQueryResult } from "@tanstack/react-query";
import { Link, type LinkProps } from "@tanstack/react-router";
import type { Health } from "../health/queries.ts";
import { HealthChip } from "./health-word.tsx";
import { ChartTable } from "../charts/chart-table.tsx";
import { Sparkline } from "../charts/sparkline.tsx";
import { useZone } from "../parts/instant.tsx";
import { useNow } from "../parts/now.ts";
import { formatShort } from "../words/instants.ts";
import styles from "./stat-card.module.css";

interface StatCardProps<Data> {
  name: string;
  /** Where the rows behind the figure are. */
  link: LinkProps;
  query: UseQueryResult<Data>;
  value: (data: Data) => string;
  /** What the figure means, or consists of. */
  note: (data: Data) => string;
  /** How the thresholds of the policy rate the figure. */
  word?: Health["word"] | undefined;
  /** How the figure has changed, hour by hour; undefined while it is read. */
  trend?: Trend | undefined;
}

interface Trend {
  caption: string;
  /** The beginning of each hour. */
  hours: readonly string[];
  values: readonly (number | null)[];
  format: (value: number) => string;
  range?: readonly [number, number];
}

/** One figure, which is a link to what it counts. */
export function StatCard<Data>({
  name,
  link,
  query,
  value,
  note,
  word,
  trend,
}: StatCardProps<Data>) {
  const { data, error } = query;
  return (
    <div className={styles.card}>
      <Link {...link} className={styles.figure}>
        <span className={styles.name}>
          {name}
          {word !== undefined && word !== "good" && <HealthChip word={word} />}
        </span>
        <span className={styles.value}>{data ? value(data) : error ? "?" : " "}</span>
        <span className={styles.note}>
          {data ? note(data) : error ? "Could not be read" : "Loading…"}
        </span>
      </Link>
      {trend && <TrendLine {...trend} word={word} />}
    </div>
  );
}

function TrendLine({
  caption,
  hours,
  values,
  format,
  range,
  word,
}: Trend & { word: Health["word"] | undefined }) {
  const [zone, now] = [useZone(), useNow()];
  return (
    <>
      <Sparkline values={values} range={range} tone={word} />
      <ChartTable
        caption={`${caption}, by hour (${zone})`}
        of="Hour"
        columns={["Value"]}
        rows={hours.map((hour, place) => ({
          name: formatShort(hour, zone, now),
          values: [values[place] == null ? "none" : format(values[place])],
        }))}
      />
    </>
  );
}
