import type { ReactNode } from "react";
import type { SubscriptionStatus } from "../../domain/consent.ts";
import table from "../parts/table.module.css";
import styles from "./topics.module.css";
import { SubscriptionChip } from "./words.tsx";

interface SubscriptionRow {
  key: string;
  /** Who, or what, is subscribed. */
  name: ReactNode;
  /** Null where there never was a subscription. */
  status: SubscriptionStatus | null;
  /** What the columns of `facts` have. */
  facts: readonly ReactNode[];
  /** What can be done. */
  actions: ReactNode;
}

/** Subscriptions: those of a topic, or those of a recipient. */
export function SubscriptionTable({
  label,
  of,
  facts,
  rows,
}: {
  label: string;
  /** The heading of the names. */
  of: string;
  /** The headings of what phones do not show. */
  facts: readonly string[];
  rows: readonly SubscriptionRow[];
}) {
  return (
    <div className={table.scroll}>
      <table className={table.table} aria-label={label}>
        <thead>
          <tr>
            <th scope="col">{of}</th>
            <th scope="col">Status</th>
            {facts.map((fact) => (
              <th key={fact} scope="col" className={table.wide}>
                {fact}
              </th>
            ))}
            <th scope="col">
              <span className="hidden-text">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key}>
              <td>{row.name}</td>
              <td>
                {row.status === null ? (
                  <span className="muted">Never subscribed</span>
                ) : (
                  <SubscriptionChip status={row.status} />
                )}
              </td>
              {facts.map((fact, place) => (
                <td key={fact} className={table.wide}>
                  {row.facts[place]}
                </td>
              ))}
              <td className={styles.actions}>{row.actions}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What happens to somebody who is removed from a topic. */
export const LeavingWords = () => (
  <p>
    They receive no more campaigns of this topic, also none that waits for them now. The consent
    that they gave stays on record.
  </p>
);
