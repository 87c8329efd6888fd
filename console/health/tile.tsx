import { Link } from "@tanstack/react-router";
import { HealthChip } from "../overview/health-word.tsx";
import { describeThresholds, formatValue, indicatorWords, scaleOf } from "./indicators.ts";
import type { Indicator, IndicatorName } from "./queries.ts";
import styles from "./screen.module.css";

/** One indicator: its rating, its value between the thresholds, what it means, what to do about it, and where to look. */
export function Tile({ name, indicator }: { name: IndicatorName; indicator: Indicator }) {
  const { word, value, unit, detail, advice } = indicator;
  const { name: title, link, to } = indicatorWords[name];
  const scale = scaleOf(indicator);
  const thresholds = describeThresholds(indicator);
  return (
    <section className={styles.tile} data-word={word} aria-label={title}>
      <div className={styles.name}>
        <h2>{title}</h2>
        <HealthChip word={word} />
      </div>
      <p className={styles.value}>{formatValue(value, unit)}</p>
      {scale && (
        <div className={styles.scale} aria-hidden="true">
          <i style={{ width: `${100 * scale.value}%` }} />
          <span style={{ left: `${100 * scale.fair}%` }} />
          <span style={{ left: `${100 * scale.poor}%` }} />
        </div>
      )}
      {thresholds !== null && <p className={`${styles.detail} muted`}>{thresholds}</p>}
      <p className={styles.detail}>{detail}</p>
      {advice !== null && (
        <p className={styles.advice}>
          <strong>What to do:</strong> {advice}
        </p>
      )}
      {link && (
        <Link {...link} className={styles.detail}>
          {to}
        </Link>
      )}
    </section>
  );
}
