import { useNow } from "../parts/now.ts";
import { formatRelative } from "../words/instants.ts";
import { formatCount } from "../words/numbers.ts";
import styles from "./quota-bar.module.css";
import type { Quota } from "./words.ts";

/** How much of a quota is used. Once it is used up, it says when the quota begins again. */
export function QuotaBar({ per, used, of, renewsAt }: Quota) {
  const now = useNow();
  const isFull = used >= of;
  return (
    <div className={styles.quota} data-full={isFull}>
      <span className={styles.line}>
        <span>
          {formatCount(used)} of {formatCount(of)} this {per}
        </span>
        {isFull && <strong>used up, again {formatRelative(renewsAt, now)}</strong>}
      </span>
      <div className={styles.bar} aria-hidden="true">
        <span style={{ width: `${Math.min(100, (100 * used) / of)}%` }} />
      </div>
    </div>
  );
}
