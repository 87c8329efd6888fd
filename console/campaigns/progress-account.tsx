import { Link } from "@tanstack/react-router";
import { StackedBar, listCounts } from "../parts/stacked-bar.tsx";
import { StatusTable } from "../parts/status-table.tsx";
import { Icon } from "../parts/icon.tsx";
import { formatCount, formatNoun, formatShare } from "../words/numbers.ts";
import { formatDuration } from "../words/instants.ts";
import { openCounts, secondsLeft } from "./account.ts";
import type { Progress } from "./queries.ts";
import styles from "./progress-account.module.css";

/** The progress of a campaign: how many deliveries have each status, which adds up to the audience. Each count is a link to its rows. */
export function ProgressAccount({ id, progress }: { id: string; progress: Progress }) {
  const { audience, counts, messagesPerSecond, stages } = progress;
  const left = secondsLeft(progress);
  const parts = listCounts(counts);
  const total = parts.reduce((sum, [, count]) => sum + count, 0);
  const open = openCounts(counts);
  if (audience === null)
    return (
      <p className="muted">
        The audience is not frozen yet. When the campaign starts, its recipients are written into
        the ledger, and their number does not change after that.
      </p>
    );
  return (
    <div className={styles.account}>
      <StackedBar counts={counts} label="Progress" />
      <p className={styles.rate}>
        <span>{total > 0 && `${formatShare((total - open) / total)} have ended`}</span>
        <span className="muted">
          {formatCount(messagesPerSecond)} per second
          {left !== null && `, about ${formatDuration(left)} left`}
        </span>
      </p>
      <StatusTable counts={counts} source={id} />
      <p className={styles.sum} data-adds-up={total === audience}>
        <Icon name={total === audience ? "check" : "warning"} />
        {total === audience
          ? `The statuses add up to the audience of ${formatCount(audience)}.`
          : `The statuses add up to ${formatCount(total)}, and the audience is ${formatCount(audience)}. Reconcile below.`}{" "}
        <Link to="/deliveries" search={{ source: id }}>
          See all of them
        </Link>
      </p>
      {stages.map(({ stage, after, counts: later }) => (
        <div key={`${stage} ${after?.minutes} ${after?.unless}`} className={styles.stage}>
          <p>
            <strong>Stage {stage + 1}</strong>
            <span className="muted">
              {after === null
                ? ", with the first one"
                : `, ${formatNoun(after.minutes, "minute")} later unless ${after.unless}`}
              : {describeCounts(later)}
            </span>
          </p>
          <StackedBar counts={later} label={`Stage ${stage + 1}`} />
        </div>
      ))}
    </div>
  );
}

const describeCounts = (counts: Progress["counts"]) =>
  listCounts(counts)
    .map(([status, count]) => `${formatCount(count)} ${status}`)
    .join(", ");
