import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Button, IconButton } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { ShortInstant } from "../parts/instant.tsx";
import { Empty, Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { formatNoun } from "../words/numbers.ts";
import { linkOfView } from "../views/address.ts";
import { type Alert, acknowledge, alertsQuery } from "./queries.ts";
import popover from "../parts/popover.module.css";
import styles from "./bell.module.css";

/** The alerts to operators: how many are open, and the newest of them in a list that opens below. */
export function Bell() {
  const { data: alerts, error, refetch } = useQuery(alertsQuery);
  const open = alerts?.filter(({ closedAt }) => closedAt === null) ?? [];
  const unseen = open.filter(({ acknowledgedAt }) => acknowledgedAt === null).length;
  return (
    <>
      <span className={styles.bell} data-urgent={unseen > 0}>
        <IconButton
          icon="push"
          label={
            open.length === 0
              ? "Alerts: none is open"
              : `Alerts: ${formatNoun(open.length, "is open", "are open")}, ${unseen} not acknowledged`
          }
          popoverTarget="alerts"
        />
        {open.length > 0 && (
          <span className={styles.count} aria-hidden="true">
            {open.length}
          </span>
        )}
      </span>
      <section
        id="alerts"
        popover="auto"
        className={`${popover.popover} ${styles.list}`}
        aria-label="Alerts"
      >
        <h2>Alerts</h2>
        {alerts ? (
          <>
            {error && <ProblemBanner error={error} />}
            {alerts.length === 0 ? (
              <Empty icon="check" title="No alerts">
                Tidings checks itself every 15 seconds. What needs an operator appears here.
              </Empty>
            ) : (
              <ul>
                {[...alerts].sort(openFirst).map((alert) => (
                  <AlertItem key={alert.id ?? alert.kind} alert={alert} />
                ))}
              </ul>
            )}
          </>
        ) : error ? (
          <Failed what="the alerts" error={error} retry={() => void refetch()} />
        ) : (
          <Loading what="the alerts" rows={3} />
        )}
      </section>
    </>
  );
}

const openFirst = (one: Alert, other: Alert) =>
  Number(one.closedAt !== null) - Number(other.closedAt !== null);

function AlertItem({ alert }: { alert: Alert }) {
  const { id, title, detail, path, openedAt, closedAt, acknowledgedAt } = alert;
  const client = useQueryClient();
  const accept = useMutation({
    mutationFn: () => acknowledge(id!),
    onSettled: () => client.invalidateQueries({ queryKey: alertsQuery.queryKey }),
  });
  return (
    <li className={styles.alert} data-open={closedAt === null}>
      <p className={styles.title}>
        <Icon name={closedAt === null ? "warning" : "check"} />
        <Link {...linkOfView(path)}>{title}</Link>
      </p>
      <p>{detail}</p>
      <p className={styles.foot}>
        <span className="muted">
          {closedAt === null ? "Since " : "From "}
          <ShortInstant at={openedAt} />
          {closedAt !== null && (
            <>
              {" to "}
              <ShortInstant at={closedAt} />
            </>
          )}
          {closedAt === null && acknowledgedAt !== null && " · acknowledged"}
        </span>
        {closedAt === null && acknowledgedAt === null && id !== null && (
          <Button needs="sender" disabled={accept.isPending} onClick={() => accept.mutate()}>
            Acknowledge
          </Button>
        )}
      </p>
      {accept.error && <ProblemBanner error={accept.error} />}
    </li>
  );
}
