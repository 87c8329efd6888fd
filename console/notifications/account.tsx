import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import { Icon } from "../parts/icon.tsx";
import { listCounts, StackedBar } from "../parts/stacked-bar.tsx";
import { StatusTable } from "../parts/status-table.tsx";
import { formatCount, formatNoun } from "../words/numbers.ts";
import type { Notification } from "./queries.ts";
import styles from "./account.module.css";

type Counts = Record<DeliveryStatus, number>;

/** How many deliveries of a notification have each status, by stage. Each stage adds up to its deliveries. */
export function Account({ notification }: { notification: Notification }) {
  const { id, counts, stages } = notification;
  return (
    <div className={styles.account}>
      <Stage id={id} counts={counts} name={stages.length > 0 ? "First stage" : null} />
      {stages.map(({ stage, counts: later }) => (
        <Stage key={stage} id={id} counts={later} name={`Stage ${stage + 1}`} />
      ))}
      {stages.length > 0 && (
        <p className="muted">
          The links lead to the deliveries of all stages with that status: each row names its stage.
        </p>
      )}
    </div>
  );
}

function Stage({ id, counts, name }: { id: string; counts: Counts; name: string | null }) {
  const parts = listCounts(counts);
  const total = parts.reduce((sum, [, count]) => sum + count, 0);
  return (
    <section className={styles.stage} aria-label={name ?? "Deliveries by status"}>
      {name !== null && <h3>{name}</h3>}
      <StackedBar counts={counts} label={name ?? "Deliveries"} />
      <StatusTable counts={counts} source={id} />
      <p className={styles.sum}>
        <Icon name="check" size={14} />
        {parts.length === 0
          ? "No delivery is left: they were removed when their retention ended."
          : `${formatNoun(total, "delivery", "deliveries")} = ${parts.map(([status, count]) => `${formatCount(count)} ${status}`).join(" + ")}`}
      </p>
    </section>
  );
}
