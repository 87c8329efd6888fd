import { Instant } from "../parts/instant.tsx";
import { formatCount } from "../words/numbers.ts";
import { formatDuration } from "../words/instants.ts";
import type { Timeline } from "./queries.ts";
import styles from "./limit-gauges.module.css";

const owners = { recipient_limit: "Recipient’s limit", organisation_limit: "Organisation’s limit" };

/** How much of each limit is used up, and when it has room again. */
export function LimitGauges({ limits }: { limits: Timeline["limits"] }) {
  return (
    <ul className={styles.gauges}>
      {limits.map(({ of, limit, windowSeconds, granted, roomAt }) => (
        <li key={`${of} ${windowSeconds}`} data-full={roomAt !== null}>
          <span className="muted">{owners[of]}</span>
          <strong>
            {formatCount(granted)} of {formatCount(limit)} in {formatDuration(windowSeconds)}
          </strong>
          <span className={styles.track} aria-hidden="true">
            <span style={{ width: `${Math.min(granted / limit, 1) * 100}%` }} />
          </span>
          <span className="muted">
            {roomAt === null ? (
              "has room now"
            ) : (
              <>
                room at <Instant at={roomAt} />
              </>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
