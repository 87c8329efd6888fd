import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ChartTable } from "../charts/chart-table.tsx";
import { TimeBrush } from "../charts/time-brush.tsx";
import { TimeBars } from "../charts/time-bars.tsx";
import type { CountedStatus } from "../../domain/delivery/status.ts";
import { Button } from "../parts/button.tsx";
import { useZone } from "../parts/instant.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { formatShort } from "../words/instants.ts";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { capitalise } from "../words/statuses.ts";
import { countQuery, timelineQuery } from "./queries.ts";
import { type DeliverySearch, type Span, spans } from "./search.ts";
import styles from "./timeline.module.css";

const spanWords: Record<Span, string> = {
  day: "24 hours",
  week: "7 days",
  month: "30 days",
  quarter: "90 days",
};

/** The most rows of the table that stands for the drawing: buckets beyond that share a row. */
const mostRows = 48;

const sumOf = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);

interface TimelineProps {
  search: DeliverySearch;
  onSpan: (span: Span) => void;
  /** Shows only what was created between two instants; undefined for no bound. */
  onSelect: (from: string | undefined, before: string | undefined) => void;
}

/** When the deliveries that the filters match were created. A part of the time can be selected with the pointer, or with the two handles. */
export function Timeline({ search, onSpan, onSelect }: TimelineProps) {
  const span = search.span ?? "week";
  const { data, error, refetch } = useQuery({
    ...timelineQuery(search, span),
    placeholderData: keepPreviousData,
  });
  const zone = useZone();
  const [now] = useState(() => new Date());
  if (error) return <ProblemBanner error={error} retry={() => void refetch()} />;
  if (data === null)
    return (
      <p className={styles.none}>
        What these filters match has no time line: it would have to be counted row by row.
      </p>
    );
  const length = data?.series[0]?.counts.length ?? 0;
  const series = (data?.series ?? []).map(({ key, counts }) => ({
    status: key["status"] as CountedStatus,
    counts,
  }));
  const edge = (place: number) =>
    new Date(Date.parse(data!.from) + place * data!.bucketSeconds * 1_000);
  const words = (place: number) => formatShort(edge(place).toISOString(), zone, now);
  const placeOf = (at: string | undefined, fallback: number) =>
    at === undefined || !data
      ? fallback
      : Math.min(
          length,
          Math.max(
            0,
            Math.round((Date.parse(at) - Date.parse(data.from)) / (data.bucketSeconds * 1_000)),
          ),
        );
  const label = `Created in the last ${spanWords[span]}`;
  const together = Math.ceil(length / mostRows);
  return (
    <section className={styles.timeline} aria-label="Time line">
      <div className={styles.heading}>
        <span className="muted">
          {data
            ? `${formatNoun(data.total, "delivery", "deliveries")} created in the last`
            : "Created in the last"}
        </span>
        <select
          aria-label="How far the time line reaches back"
          value={span}
          onChange={({ target }) => onSpan(target.value as Span)}
        >
          {spans.map((each) => (
            <option key={each} value={each}>
              {spanWords[each]}
            </option>
          ))}
        </select>
        <Total search={search} approximately={data?.total} />
      </div>
      <div className={styles.drawing}>
        {data && length > 0 && (
          <>
            <TimeBars series={series} length={length} />
            <TimeBrush
              length={length}
              from={placeOf(search.from, 0)}
              until={placeOf(search.before, length)}
              words={words}
              onSelect={(from, until) =>
                onSelect(
                  from > 0 ? edge(from).toISOString() : undefined,
                  until < length ? edge(until).toISOString() : undefined,
                )
              }
            />
          </>
        )}
        {data && length === 0 && (
          <span className={styles.empty}>Nothing was created in this time</span>
        )}
      </div>
      {data && length > 0 && (
        <div className={styles.axis}>
          <span>{words(0)}</span>
          <span className={styles.zone}>{zone}</span>
          <span>now</span>
        </div>
      )}
      {data && (
        <ChartTable
          caption={`${label}, by status`}
          of="Beginning"
          columns={series.map(({ status }) => capitalise(status))}
          rows={Array.from({ length: Math.ceil(length / together) }, (_, row) => row * together)
            .map((place) => ({
              name: words(place),
              sums: series.map(({ counts }) => sumOf(counts.slice(place, place + together))),
            }))
            .filter(({ sums }) => sums.some((sum) => sum > 0))
            .map(({ name, sums }) => ({ name, values: sums.map(formatCount) }))}
        />
      )}
    </section>
  );
}

/** How many deliveries the list has: counted exactly when somebody asks, because that reads rows. */
function Total({
  search,
  approximately,
}: {
  search: DeliverySearch;
  approximately: number | undefined;
}) {
  const { data, isFetching, error, refetch } = useQuery(countQuery(search));
  const isBounded = search.from !== undefined || search.before !== undefined;
  return (
    <span className={styles.total} role="status">
      {data
        ? data.isCapped
          ? `The list has ${formatCount(data.count)}+`
          : `The list has ${formatNoun(data.count, "delivery", "deliveries")}`
        : error
          ? "Could not be counted"
          : approximately !== undefined && approximately > 0 && !isBounded
            ? `The list has about ${formatNoun(approximately, "delivery", "deliveries")} or more`
            : ""}
      <Button kind="quiet" disabled={isFetching} onClick={() => void refetch()}>
        {isFetching ? "Counting…" : data ? "Count again" : "Count exactly"}
      </Button>
    </span>
  );
}
