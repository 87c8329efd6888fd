import { Link } from "@tanstack/react-router";
import type { AnswerOf } from "tidings/client";
import type { api } from "../api/client.ts";
import { StackedBar, listCounts } from "../parts/stacked-bar.tsx";
import { StatusChip } from "../parts/status-chip.tsx";
import table from "../parts/table.module.css";
import { Icon } from "../parts/icon.tsx";
import { formatCount, formatShare } from "../words/numbers.ts";
import { formatDuration } from "../words/instants.ts";
import { statusMeanings } from "../words/statuses.ts";
import { openCounts } from "./account.ts";
import styles from "./progress-account.module.css";

type Progress = AnswerOf<(typeof api.v1.campaigns)[":id"]["progress"]["$get"]>;

/** The progress of a campaign: how many deliveries have each status, which adds up to the audience. Each count is a link to its rows. */
export function ProgressAccount({ id, progress }: { id: string; progress: Progress }) {
  const { audience, counts, messagesPerSecond, status } = progress;
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
          {status === "running" &&
            messagesPerSecond > 0 &&
            open > 0 &&
            `, about ${formatDuration(open / messagesPerSecond)} left`}
        </span>
      </p>
      <table className={table.table}>
        <thead>
          <tr>
            <th>Status</th>
            <th className={table.wide}>Meaning</th>
            <th className={table.number}>Deliveries</th>
            <th className={table.number}>Share</th>
          </tr>
        </thead>
        <tbody>
          {parts.map(([each, count]) => (
            <tr key={each}>
              <td>
                <StatusChip status={each} />
              </td>
              <td className={`muted ${table.wide}`}>{statusMeanings[each]}</td>
              <td className={table.number}>
                <Link to="/deliveries" search={{ source: id, status: [each] }}>
                  {formatCount(count)}
                </Link>
              </td>
              <td className={table.number}>{formatShare(count / total)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className={styles.sum} data-adds-up={total === audience}>
        <Icon name={total === audience ? "check" : "warning"} />
        {total === audience
          ? `The statuses add up to the audience of ${formatCount(audience)}.`
          : `The statuses add up to ${formatCount(total)}, and the audience is ${formatCount(audience)}: ended deliveries are removed when their retention ends.`}
      </p>
    </div>
  );
}
