import { scaleLinear } from "d3-scale";
import { stack } from "d3-shape";
import type { CountedStatus } from "../../domain/delivery/status.ts";
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

/** The size of the drawing, which is stretched to the space that there is. */
const [barsWidth, barsHeight] = [720, 100];

interface TimeBarsProps {
  series: readonly StatusSeries[];
  length: number;
  /** Describes a bar to those who point at it. */
  describe?: ((bucket: number) => string) | undefined;
}

/** Deliveries over time: one bar for each bucket, with a segment for each status. Its values belong into a `ChartTable`. */
export function TimeBars({ series, length, describe }: TimeBarsProps) {
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
  return (
    <svg
      className={styles.bars}
      viewBox={`0 0 ${barsWidth} ${barsHeight}`}
      preserveAspectRatio="none"
      aria-hidden="true"
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
          .map((bucket) => (
            <rect
              key={bucket}
              className={styles.pointed}
              x={x(bucket)}
              width={step}
              height={barsHeight}
            >
              <title>{describe(bucket)}</title>
            </rect>
          ))}
    </svg>
  );
}
