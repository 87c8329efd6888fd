import { Icon } from "../parts/icon.tsx";
import { formatCount } from "../words/numbers.ts";
import type { Recall } from "./queries.ts";
import { Line } from "./recall-form.tsx";
import styles from "./recall-tab.module.css";

/** Who received a recalled campaign, who may have, and who did not. */
export function RecallAccount({ id, recall }: { id: string; recall: Recall }) {
  const { received, mayHaveReceived, beingHandedOver, neverWill, noRecord, final } = recall;
  return (
    <div className={styles.form}>
      <p role="status">
        <Icon name={final ? "check" : "clock"} size={14} />{" "}
        {final
          ? "The recall is final: none of its deliveries is open, and these numbers do not change any more."
          : "Waiting until the last messages have been handed over…"}
      </p>
      <ul className={styles.counts} aria-label="The recipients of the recalled campaign">
        <Line id={id} count={received} status={["sent", "delivered"]}>
          received it
        </Line>
        <Line id={id} count={mayHaveReceived} status={["unknown"]}>
          may have received it: a provider did not answer
        </Line>
        {beingHandedOver > 0 && (
          <Line id={id} count={beingHandedOver} status={["sending"]}>
            are being handed over
          </Line>
        )}
        <Line id={id} count={neverWill} status={["failed", "suppressed", "cancelled"]}>
          will not receive it
        </Line>
      </ul>
      {noRecord > 0 && (
        <p className="muted">
          Of {formatCount(noRecord)} more the deliveries were removed when their retention ended. A
          correction cannot reach them.
        </p>
      )}
    </div>
  );
}
