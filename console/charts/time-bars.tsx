import { Link } from "@tanstack/react-router";
import { scaleLinear } from "d3-scale";
import { stack } from "d3-shape";
import type { KeyboardEvent } from "react";
import type { CountedStatus } from "../../domain/delivery/status.ts";
import type { DeliverySearch } from "../deliveries/search.ts";
import styles from "./time-bars.module.css";

/** The counts of each status, in the same buckets. */
interface StatusSeries {
  status: CountedStatus;
  counts: readonly number[];
}

/** The order of the segments from the ground up. */
const order: readonly CountedStatus[] = [
  "delivered",
  "sent",
  "suppressed",
  "failed",
  "unknown",
  "cancelled",
  "open",
];

/** Moves the focus from the link of a bar to that of the next one or the one before. */
function moveFocus(event: KeyboardEvent<HTMLAnchorElement>): void {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const all = [...event.currentTarget.parentElement!.querySelectorAll<SVGElement>("a")];
  all[all.findIndex((each) => each === (event.currentTarget as Element)) + step]?.focus();
}

/** The size of the drawing, which is stretched to the space that there is. */
const [barsWidth, barsHeight] = [720, 100];

interface TimeBarsProps {
  series: readonly StatusSeries[];
  length: number;
  /** Describes a bar to those who point at it. */
  describe?: ((bucket: number) => string) | undefined;
  /** The deliveries to which a bar leads; null if it leads to none. */
  deliveriesOf?: ((bucket: number) => DeliverySearch | null) | undefined;
}

/**
 * Deliveries over time: one bar for each bucket, with a segment for each status. Its values belong into a `ChartTable`. Of bars that are links, the
 * Tab key reaches the last one, and the arrow keys the others.
 */
export function TimeBars({ series, length, describe, deliveriesOf }: TimeBarsProps) {
  const buckets = Array.from({ length }, (_, bucket) => bucket);
  const countOf = (status: CountedStatus, bucket: number) =>
    series.find((each) => each.status === status)?.counts[bucket] ?? 0;
  const layers = stack<number, CountedStatus>()
    .keys(order)
    .value((bucket, status) => Math.max(0, countOf(status, bucket)))(buckets);
  const most = Math.max(1, ...layers.flatMap((layer) => layer.map(([, top]) => top)));
  const x = scaleLinear([0, length], [0, barsWidth]);
  const y = scaleLinear([0, most], [barsHeight, 0]);
  const step = barsWidth / Math.max(1, length);
  const gap = Math.min(2, step / 5);
  const links = new Map(
    buckets.flatMap((bucket) => {
      const search = deliveriesOf?.(bucket);
      return search ? [[bucket, search] as const] : [];
    }),
  );
  const last = [...links.keys()].at(-1);
  return (
    <svg
      className={styles.bars}
      viewBox={`0 0 ${barsWidth} ${barsHeight}`}
      preserveAspectRatio="none"
      {...(links.size > 0
        ? { role: "group", "aria-label": "Bars, which lead to deliveries" }
        : { "aria-hidden": true })}
    >
      {layers.map((layer) => (
        <path
          key={layer.key}
          className={styles[layer.key]}
          d={layer
            .flatMap(([bottom, top], bucket) => {
              // What exists is visible, however small it is.
              const size = top > bottom ? Math.max(1, y(bottom) - y(top)) : 0;
              return size > 0
                ? `M${(x(bucket) + gap / 2).toFixed(2)} ${y(bottom).toFixed(2)}h${(step - gap).toFixed(2)}v${(-size).toFixed(2)}h${(gap - step).toFixed(2)}z`
                : [];
            })
            .join("")}
        />
      ))}
      {describe &&
        buckets
          .filter((bucket) => series.some(({ counts }) => counts[bucket] !== 0))
          .map((bucket) => {
            const bar = (
              <rect
                key={bucket}
                className={styles.pointed}
                x={x(bucket)}
                width={step}
                height={barsHeight}
              >
                <title>{describe(bucket)}</title>
              </rect>
            );
            const search = links.get(bucket);
            return search ? (
              <Link
                key={bucket}
                to="/deliveries"
                search={search}
                className={styles.link}
                tabIndex={bucket === last ? 0 : -1}
                aria-label={describe(bucket)}
                onKeyDown={moveFocus}
              >
                {bar}
              </Link>
            ) : (
              bar
            );
          })}
    </svg>
  );
}
