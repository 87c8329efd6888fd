import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { type Health, healthQuery } from "../health/queries.ts";
import { HealthChip } from "../overview/health-word.tsx";
import { formatDuration } from "../words/instants.ts";
import { formatCount } from "../words/numbers.ts";
import type { Queues } from "./queries.ts";
import styles from "./figures.module.css";

/** The queue in six figures. What the policy has thresholds for, is rated by them. */
export function Figures({ queues }: { queues: Queues }) {
  const { data: health } = useQuery(healthQuery);
  const { waiting, due, sending } = queues.total;
  const oldest = Math.max(...queues.items.map(({ oldestDueSeconds }) => oldestDueSeconds ?? -1));
  const perMinute = health?.indicators.throughput.value ?? null;
  const minutes = health ? Math.round(health.windowSeconds / 60) : null;
  return (
    <dl className={styles.figures}>
      <Figure
        name="Due now"
        value={formatCount(due)}
        note={describeThresholds(health?.indicators.backlog)}
        word={health?.indicators.backlog.word}
      />
      <Figure
        name="Later"
        value={formatCount(waiting - due)}
        note="Held by a rule, or for their time"
      />
      <Figure
        name="Oldest due"
        value={oldest < 0 ? "–" : formatDuration(oldest)}
        note={oldest < 0 ? "Nothing is due" : "How long it has been due"}
        word={health?.indicators.oldestDue.word}
      />
      <Figure name="Being sent" value={formatCount(sending)} note="Handed over at this moment" />
      <Figure
        name="Per minute"
        value={perMinute === null ? "–" : formatCount(Math.round(perMinute))}
        note={minutes === null ? "Sent" : `Sent, over the last ${formatDuration(minutes * 60)}`}
        word={health?.indicators.throughput.word}
      />
      <Figure
        name="Drains in ≈"
        value={
          due === 0
            ? "now"
            : perMinute
              ? formatDuration((due / perMinute) * 60)
              : "not at this rate"
        }
        note={due === 0 ? "Nothing is due" : "What is due, at this rate"}
      />
    </dl>
  );
}

/** The thresholds of the policy in words. */
const describeThresholds = (indicator: Health["indicators"]["backlog"] | undefined): string =>
  indicator?.thresholds
    ? `Fair from ${formatCount(indicator.thresholds.fair)}, poor from ${formatCount(indicator.thresholds.poor)}`
    : "Not sent yet";

function Figure({
  name,
  value,
  note,
  word,
}: {
  name: string;
  value: ReactNode;
  note: string;
  word?: Health["word"] | undefined;
}) {
  return (
    <div className={styles.figure} data-word={word}>
      <dt>{name}</dt>
      <dd className={styles.value}>
        {value} {word !== undefined && word !== "good" && <HealthChip word={word} />}
      </dd>
      <dd className={styles.note}>{note}</dd>
    </div>
  );
}
