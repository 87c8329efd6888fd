import type { Figures, Overview } from "./queries.ts";
import styles from "./rate-cards.module.css";
import {
  formatChange,
  formatFraction,
  formatInterval,
  formatRate,
  rateNames,
  rateWords,
} from "./words.ts";

/** The rates of a report, each with its number of deliveries, its interval, and the change since the period before. */
export function RateCards({
  total,
  previous,
  definitions,
}: {
  total: Figures;
  previous: Figures | null;
  definitions: Overview["definitions"];
}) {
  return (
    <dl className={styles.cards}>
      {rateNames.map((name) => {
        const rate = total.rates[name];
        const change = previous && formatChange(rate, previous.rates[name]);
        return (
          <div
            key={name}
            className={styles.card}
            title={`Of the ${definitions[name].denominator}: ${definitions[name].numerator}.`}
          >
            <dt>{rateWords[name]}</dt>
            <dd className={styles.value}>{formatRate(rate)}</dd>
            <dd className="muted">
              {rate.value === null ? "No delivery to count" : formatFraction(rate)}
            </dd>
            {rate.value !== null && (
              <dd className="muted">
                <span className="hidden-text">95% interval: </span>
                {formatInterval(rate)}
              </dd>
            )}
            {change && <dd>{change}</dd>}
          </div>
        );
      })}
    </dl>
  );
}
