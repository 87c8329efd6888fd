import { Link } from "@tanstack/react-router";
import { statusCounts } from "../campaigns/account.ts";
import type { Campaign } from "../campaigns/queries.ts";
import { StackedBar } from "../parts/stacked-bar.tsx";
import { TemplateLink } from "../parts/template-link.tsx";
import { formatCount, formatShare } from "../words/numbers.ts";
import styles from "./running-campaign.module.css";

/** A campaign that runs, with its progress. */
export function RunningCampaign({ campaign }: { campaign: Campaign }) {
  const { id, name, template, counts } = campaign;
  return (
    <li className={styles.campaign}>
      <div className={styles.line}>
        <Link to="/campaigns/$id" params={{ id }} className={styles.name}>
          {name}
        </Link>
        <span>
          <TemplateLink template={template} />
        </span>
      </div>
      {counts === null ? (
        <span className="muted">Its audience is being frozen.</span>
      ) : (
        <Progress counts={counts} name={name} />
      )}
    </li>
  );
}

function Progress({ counts, name }: { counts: NonNullable<Campaign["counts"]>; name: string }) {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return (
    <>
      <StackedBar counts={statusCounts(counts)} label={name} />
      <div className={styles.line}>
        <span className="figures">
          {formatShare((total - counts.open) / total)} of {formatCount(total)}
        </span>
        <span className="muted figures">{formatCount(counts.open)} open</span>
      </div>
    </>
  );
}
