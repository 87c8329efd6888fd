import { Link } from "@tanstack/react-router";
import type { DeliveryDetails } from "../deliveries/queries.ts";
import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import type { IconName } from "../parts/icon.tsx";
import { Instant } from "../parts/instant.tsx";
import { Chip } from "../parts/status-chip.tsx";
import { formatDuration } from "../words/instants.ts";
import { channelWords, toWords } from "../words/statuses.ts";
import styles from "./attempts.module.css";

type Attempt = DeliveryDetails["attempts"][number];

const outcomes: Record<Attempt["outcome"], { word: string; tone: DeliveryStatus; icon: IconName }> =
  {
    sent: { word: "Sent", tone: "sent", icon: "check" },
    transient: { word: "Failed for now", tone: "unknown", icon: "retry" },
    permanent: { word: "Refused for good", tone: "failed", icon: "cross" },
    unknown: { word: "No answer", tone: "unknown", icon: "question" },
  };

/** The hand-overs of a delivery to providers, with what the providers said. */
export function Attempts({ attempts }: { attempts: readonly Attempt[] }) {
  if (attempts.length === 0)
    return <p className="muted">It has not been handed over to a provider.</p>;
  return (
    <ol className={styles.attempts}>
      {attempts.map((attempt) => {
        const { word, tone, icon } = outcomes[attempt.outcome];
        const seconds = (Date.parse(attempt.finishedAt) - Date.parse(attempt.startedAt)) / 1_000;
        return (
          <li key={attempt.number}>
            <div className={styles.line}>
              <strong>{attempt.number}</strong>
              <Chip tone={tone} icon={icon} word={word} />
              <span>
                {channelWords[attempt.channel]}
                {attempt.provider !== null && (
                  <>
                    {" by "}
                    <Link to="/providers/$name" params={{ name: attempt.provider }}>
                      {attempt.provider}
                    </Link>
                  </>
                )}
              </span>
              <span className="muted">took {formatDuration(seconds)}</span>
            </div>
            {attempt.failure !== null && <p>{toWords(attempt.failure)}</p>}
            {attempt.response !== null && (
              <blockquote className={styles.response}>{attempt.response}</blockquote>
            )}
            <p className={styles.at}>
              <Instant at={attempt.finishedAt} />
            </p>
          </li>
        );
      })}
    </ol>
  );
}
