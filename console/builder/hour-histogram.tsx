import { hourMs } from "../../domain/time/durations.ts";
import { useZone } from "../parts/instant.tsx";
import { formatFull } from "../words/instants.ts";
import { formatCount } from "../words/numbers.ts";
import styles from "./hour-histogram.module.css";

/** The largest number of bars: hours are put together beyond it. */
const maxBars = 72;

interface Bar {
  at: number;
  count: number;
}

/** Puts hours together so that there are not too many bars, and fills the gaps between them. */
export function barsOf(hours: readonly { at: string; count: number }[]): {
  width: number;
  bars: Bar[];
} {
  if (hours.length === 0) return { width: 1, bars: [] };
  const first = Date.parse(hours[0]!.at);
  const span = (Date.parse(hours.at(-1)!.at) - first) / hourMs + 1;
  const width = Math.ceil(span / maxBars);
  const bars = Array.from({ length: Math.ceil(span / width) }, (_, index) => ({
    at: first + index * width * hourMs,
    count: 0,
  }));
  for (const { at, count } of hours)
    bars[Math.floor((Date.parse(at) - first) / hourMs / width)]!.count += count;
  return { width, bars };
}

/** How many messages are handed over in which hour, as bars and as a table. */
export function HourHistogram({ hours }: { hours: readonly { at: string; count: number }[] }) {
  const zone = useZone();
  const { width, bars } = barsOf(hours);
  const most = Math.max(...bars.map(({ count }) => count), 1);
  const nameOf = (at: number) => formatFull(new Date(at).toISOString(), zone).replace(/:00 /, " ");
  if (bars.length === 0) return null;
  return (
    <figure className={styles.figure}>
      <figcaption className="muted">
        Messages {width === 1 ? "an hour" : `in ${width} hours`}, at most {formatCount(most)}
      </figcaption>
      <div className={styles.bars} aria-hidden="true">
        {bars.map(({ at, count }) => (
          <span key={at} title={`${nameOf(at)}: ${formatCount(count)}`}>
            <span style={{ height: `${(100 * count) / most}%` }} data-empty={count === 0} />
          </span>
        ))}
      </div>
      <div className={styles.ends} aria-hidden="true">
        <span>{nameOf(bars[0]!.at)}</span>
        {bars.length > 1 && <span>{nameOf(bars.at(-1)!.at)}</span>}
      </div>
      <details>
        <summary>As a table</summary>
        <table className={styles.table}>
          <thead>
            <tr>
              <th>{width === 1 ? "Hour" : `${width} hours`} from</th>
              <th>Messages</th>
            </tr>
          </thead>
          <tbody>
            {bars
              .filter(({ count }) => count > 0)
              .map(({ at, count }) => (
                <tr key={at}>
                  <td>{nameOf(at)}</td>
                  <td>{formatCount(count)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}
