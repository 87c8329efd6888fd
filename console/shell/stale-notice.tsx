import { useStaleSince } from "../api/staleness.ts";
import { Icon } from "../parts/icon.tsx";
import { Instant } from "../parts/instant.tsx";
import styles from "./stale-notice.module.css";

/** Says that the content of the page is old, as long as the API does not answer. */
export function StaleNotice() {
  const since = useStaleSince();
  return (
    <div aria-live="polite" className={styles.region}>
      {since !== null && (
        <p className={styles.notice}>
          <Icon name="warning" />
          <span>
            <strong>The API does not answer, so this page may be out of date.</strong> It shows what
            was read at <Instant at={new Date(since).toISOString()} />. It is read again every 5
            seconds, and what you have typed stays.
          </span>
        </p>
      )}
    </div>
  );
}
