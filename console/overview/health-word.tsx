import type { UseQueryResult } from "@tanstack/react-query";
import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import type { Health } from "../health/queries.ts";
import type { IconName } from "../parts/icon.tsx";
import { Instant } from "../parts/instant.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { Chip } from "../parts/status-chip.tsx";
import { capitalise } from "../words/statuses.ts";
import styles from "./health-word.module.css";

const looks: Record<Health["word"], { tone: DeliveryStatus; icon: IconName }> = {
  good: { tone: "delivered", icon: "check" },
  fair: { tone: "unknown", icon: "warning" },
  poor: { tone: "failed", icon: "cross" },
};

/** The rating of an indicator: a colour, an icon and the word. */
export const HealthChip = ({ word }: { word: Health["word"] }) => (
  <Chip {...looks[word]} word={capitalise(word)} />
);

/** What each rating says. */
export const sentences: Record<Health["word"], string> = {
  good: "Everything works as it should.",
  fair: "It works, and something is worth a look.",
  poor: "Something is wrong.",
};

/** The health of the system in one word, with the reasons if it is not good. */
export function HealthWord({ query }: { query: UseQueryResult<Health> }) {
  const { data, error, refetch } = query;
  return (
    <section className={styles.health} aria-label="Health" data-word={data?.word ?? "unread"}>
      {data ? (
        <>
          <div className={styles.line}>
            <HealthChip word={data.word} />
            <strong>{sentences[data.word]}</strong>
            <span className={styles.at}>
              Measured <Instant at={data.measuredAt} />
            </span>
          </div>
          {data.reasons.length > 0 && (
            <ul className={styles.reasons}>
              {data.reasons.map((reason) => (
                <li key={reason}>{reason}</li>
              ))}
            </ul>
          )}
          {error && <ProblemBanner error={error} retry={() => void refetch()} />}
        </>
      ) : error ? (
        <ProblemBanner error={error} retry={() => void refetch()} />
      ) : (
        <div className={styles.line} role="status">
          <span className="muted">Reading the health…</span>
        </div>
      )}
    </section>
  );
}
