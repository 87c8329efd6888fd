import { Icon } from "../parts/icon.tsx";
import { channelWords } from "../words/statuses.ts";
import type { Stage } from "./draft.ts";
import styles from "./route-drawing.module.css";
import { describeAfter } from "./words.ts";

/** A route as its stages one after the other, each with its channels in the order in which they are tried, and when it begins. */
export function RouteDrawing({ stages }: { stages: readonly Stage[] }) {
  return (
    <ol className={styles.route}>
      {stages.map((stage, index) => (
        // Stages have no identity of their own, and are drawn again when they change.
        // oxlint-disable-next-line react/no-array-index-key
        <li key={index}>
          <span className={styles.stage}>
            <span className={styles.via}>
              {stage.via === "preferred" ? (
                <span>
                  <Icon name="person" size={14} /> Recipient’s order
                </span>
              ) : (
                stage.via.map((channel, place) => (
                  <span key={channel}>
                    {place > 0 && <span className="muted">else</span>}
                    <Icon name={channel} size={14} /> {channelWords[channel]}
                  </span>
                ))
              )}
            </span>
            <span className={styles.when}>{describeAfter(stage)}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}
