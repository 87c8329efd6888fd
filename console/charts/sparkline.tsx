import { scaleLinear } from "d3-scale";
import { area, line } from "d3-shape";
import styles from "./sparkline.module.css";

const [width, height, edge] = [200, 36, 3];

interface SparklineProps {
  /** One value for each step of time; null where there is none. */
  values: readonly (number | null)[];
  /** The smallest and the largest value of the scale; by default from 0 to the largest value. */
  range?: readonly [number, number] | undefined;
  tone?: "good" | "fair" | "poor" | undefined;
}

/**
 * How a figure has changed, as a small line. It is decoration beside the figure: the values are in a `ChartTable`. A value without neighbours is a
 * point.
 */
export function Sparkline({ values, range, tone = "good" }: SparklineProps) {
  const known = values.filter((value) => value !== null);
  const [low, high] = range ?? [0, Math.max(1, ...known)];
  const x = scaleLinear([0, Math.max(1, values.length - 1)], [0, width]);
  const y = scaleLinear([low, high], [height - edge, edge]).clamp(true);
  const points = [...values.entries()];
  const isKnown = ([, value]: [number, number | null]) => value !== null;
  const drawn = line<[number, number | null]>()
    .defined(isKnown)
    .x(([place]) => x(place))
    .y(([, value]) => y(value!));
  const filled = area<[number, number | null]>()
    .defined(isKnown)
    .x(([place]) => x(place))
    .y0(height)
    .y1(([, value]) => y(value!));
  return (
    <svg
      className={styles.sparkline}
      data-tone={tone}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path className={styles.area} d={filled(points) ?? ""} />
      <path className={styles.line} d={drawn(points) ?? ""} />
    </svg>
  );
}
