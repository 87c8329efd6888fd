import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Fragment } from "react";
import { reconciliationQuery } from "./queries.ts";
import { Button } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { useZone } from "../parts/instant.tsx";
import { Panel } from "../parts/page.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { listCounts } from "../parts/stacked-bar.tsx";
import { formatFull } from "../words/instants.ts";
import { formatCount, formatNoun } from "../words/numbers.ts";
import styles from "./reconciliation.module.css";

/** Proves on request that a campaign adds up: everybody in the audience has one delivery, in one status. */
export function Reconciliation({ id }: { id: string }) {
  const zone = useZone();
  const { data, error, isFetching, refetch } = useQuery(reconciliationQuery(id));
  return (
    <Panel
      title="Reconciliation"
      aside={
        <Button icon="check" disabled={isFetching} onClick={() => void refetch()}>
          {isFetching ? "Counting…" : data ? "Reconcile again" : "Reconcile"}
        </Button>
      }
    >
      {error && <ProblemBanner error={error} />}
      {data ? (
        <div className={styles.result} role="status">
          <p className={styles.sum} data-adds-up={data.reconciled}>
            <Icon name={data.reconciled ? "check" : "warning"} />
            <span className="figures">
              <Link to="/deliveries" search={{ source: id }}>
                {formatCount(data.audience ?? 0)}
              </Link>
              {listCounts(data).map(([status, count], index) => (
                <Fragment key={status}>
                  {index === 0 ? " = " : " + "}
                  <Link to="/deliveries" search={{ source: id, status: [status] }}>
                    {formatCount(count)} {status}
                  </Link>
                </Fragment>
              ))}
            </span>
          </p>
          <p>
            {data.reconciled
              ? "Everybody in the audience has exactly one delivery, and each delivery has one status."
              : "The numbers do not add up. Keep this page, and ask those who run Tidings to compare the ledger with the backup: a delivery was removed or added by something else than Tidings."}{" "}
            {data.duplicates > 0 &&
              `There are ${formatNoun(data.duplicates, "delivery", "deliveries")} more than one for each recipient.`}
          </p>
          <p className="muted">Counted in one snapshot at {formatFull(data.at, zone)}.</p>
        </div>
      ) : (
        <p className="muted">
          Counts every delivery in one snapshot, and proves that the whole audience is accounted
          for, without duplicates.
        </p>
      )}
    </Panel>
  );
}
