import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import { formatCount } from "../words/numbers.ts";
import styles from "./stacked-bar.module.css";

type Counts = Record<DeliveryStatus, number>;

/** The order of the segments: first what has been achieved, last what is still to be done. */
const order: readonly DeliveryStatus[] = [
  "delivered",
  "sent",
  "sending",
  "suppressed",
  "failed",
  "unknown",
  "cancelled",
  "pending",
];

/** How many deliveries have each status, as one bar. Its text alternative is the account in words. */
export function StackedBar({ counts, label }: { counts: Counts; label: string }) {
  const total = order.reduce((sum, status) => sum + counts[status], 0);
  return (
    <div className={styles.bar} role="img" aria-label={`${label}: ${describeAccount(counts)}`}>
      {order
        .filter((status) => counts[status] > 0)
        .map((status) => (
          <span
            key={status}
            className={styles[status]}
            style={{ flexGrow: counts[status] / total }}
            title={`${formatCount(counts[status])} ${status}`}
          />
        ))}
    </div>
  );
}

/** Lists the counts that are not zero, in the order of the bar. */
export const listCounts = (counts: Counts): [DeliveryStatus, number][] =>
  order.filter((status) => counts[status] > 0).map((status) => [status, counts[status]]);

/** Describes the sum: 20 = 18 sent + 2 pending. */
function describeAccount(counts: Counts): string {
  const parts = listCounts(counts);
  const total = parts.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return "0 deliveries";
  return `${formatCount(total)} = ${parts.map(([status, count]) => `${formatCount(count)} ${status}`).join(" + ")}`;
}
