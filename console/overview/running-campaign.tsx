import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type Campaign, progressQuery } from "../campaigns/queries.ts";
import { StackedBar } from "../parts/stacked-bar.tsx";
import { formatCount, formatShare } from "../words/numbers.ts";
import { formatDuration } from "../words/instants.ts";
import { openCounts } from "../campaigns/account.ts";
import styles from "./running-campaign.module.css";

/** A campaign that runs, with its progress. */
export function RunningCampaign({ campaign }: { campaign: Campaign }) {
  const { id, name, template } = campaign;
  const { data, error } = useQuery(progressQuery(id));
  const total = data ? Object.values(data.counts).reduce((sum, count) => sum + count, 0) : 0;
  const open = data ? openCounts(data.counts) : 0;
  const rate = data?.messagesPerSecond ?? 0;
  return (
    <li className={styles.campaign}>
      <div className={styles.line}>
        <Link to="/campaigns/$id" params={{ id }} className={styles.name}>
          {name}
        </Link>
        <span className="muted">
          {template.key} v{template.version}
        </span>
      </div>
      {data && total > 0 ? (
        <>
          <StackedBar counts={data.counts} label={name} />
          <div className={styles.line}>
            <span className="figures">
              {formatShare((total - open) / total)} of {formatCount(total)}
            </span>
            <span className="muted figures">
              {formatCount(rate)} per second
              {rate > 0 && open > 0 && `, about ${formatDuration(open / rate)} left`}
            </span>
          </div>
        </>
      ) : (
        <span className="muted">
          {error
            ? "Its progress could not be read."
            : data
              ? "Its audience is being frozen."
              : "Reading its progress…"}
        </span>
      )}
    </li>
  );
}
