import { Icon, type IconName } from "../parts/icon.tsx";
import { Instant } from "../parts/instant.tsx";
import { wordsOfReason } from "../words/reasons.ts";
import { capitalise, channelWords } from "../words/statuses.ts";
import type { DeliveryDetails } from "./queries.ts";
import styles from "./life-line.module.css";

interface Moment {
  at: string;
  icon: IconName;
  what: string;
  isAhead?: boolean;
}

/** What happened to a delivery, in the order of time, and when it is due next. */
export function LifeLine({ delivery }: { delivery: DeliveryDetails }) {
  return (
    <ol className={styles.line}>
      {listMoments(delivery).map(({ at, icon, what, isAhead = false }) => (
        <li key={`${at} ${what}`} data-ahead={isAhead}>
          <span className={styles.mark}>
            <Icon name={icon} size={12} />
          </span>
          <div>
            <p>{what}</p>
            <p className={styles.at}>
              <Instant at={at} />
            </p>
          </div>
        </li>
      ))}
    </ol>
  );
}

function listMoments(delivery: DeliveryDetails): Moment[] {
  const { createdAt, decided, attempts, outages, finishedAt, dueAt, status, reason } = delivery;
  const because = reason === null ? "" : `: ${wordsOfReason(reason)}`;
  const past: Moment[] = [
    { at: createdAt, icon: "circle", what: "Created" },
    ...(decided
      ? [{ at: decided.at, icon: "question" as const, what: "Decided by the rules" }]
      : []),
    ...outages.map(({ channel, since }) => ({
      at: since,
      icon: "warning" as const,
      what: `${channelWords[channel]} was out of service`,
    })),
    ...attempts.map(({ number, finishedAt: at, outcome, channel, provider }) => ({
      at,
      icon: outcome === "sent" ? ("check" as const) : ("retry" as const),
      what: `Attempt ${number} on ${channelWords[channel]}${provider === null ? "" : ` by ${provider}`}: ${outcome}`,
    })),
  ];
  past.sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
  if (finishedAt !== null)
    return [...past, { at: finishedAt, icon: "stop", what: `${capitalise(status)}${because}` }];
  return dueAt === null
    ? past
    : [...past, { at: dueAt, icon: "clock", what: `Due${because}`, isAhead: true }];
}
