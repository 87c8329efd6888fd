import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Icon } from "../parts/icon.tsx";
import { shortenId } from "../parts/short-id.tsx";
import { StackedBar } from "../parts/stacked-bar.tsx";
import { Chip } from "../parts/status-chip.tsx";
import table from "../parts/table.module.css";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { wordsOfReason } from "../words/reasons.ts";
import { channelWords, toWords } from "../words/statuses.ts";
import type { Preview } from "./notify-queries.ts";
import styles from "./notify.module.css";

const outcomes = [
  ["sent", "sent at once", { tone: "sent", icon: "check" }],
  ["waiting", "wait", { tone: "pending", icon: "clock" }],
  ["suppressed", "not sent", { tone: "suppressed", icon: "shield" }],
] as const;

/** What would happen to a notification: how many deliveries are sent, wait or are not sent, why, and by which channel. */
export function NotifyPreview({ preview }: { preview: Preview }) {
  const zone = useZone();
  const { recipients, of, sampled, deliveries, reasons, channels, passedOver, later } = preview;
  const total = deliveries.sent + deliveries.waiting + deliveries.suppressed;
  const examples = outcomes.flatMap(([outcome, , chip]) =>
    preview.examples[outcome].map((example) => ({ ...example, chip })),
  );
  return (
    <section className={styles.preview} aria-label="What would happen">
      <h3>What would happen</h3>
      <p>
        <strong className="figures">{formatNoun(total, "delivery", "deliveries")}</strong> to{" "}
        {formatNoun(recipients, "recipient")} ={" "}
        {outcomes
          .map(([outcome, words]) => `${formatCount(deliveries[outcome])} ${words}`)
          .join(" + ")}
        {preview.unreachable > 0 &&
          `. ${formatNoun(preview.unreachable, "recipient")} cannot be reached.`}
      </p>
      {sampled && (
        <p role="note">
          Only {formatCount(recipients)} of {formatCount(of)} recipients were decided in time: the
          counts are about these.
        </p>
      )}
      <StackedBar counts={toCounts(deliveries)} label="What would happen" />
      {reasons.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th>Why</th>
              <th className={table.number}>Deliveries</th>
              <th>First ({zone})</th>
            </tr>
          </thead>
          <tbody>
            {reasons.map(({ status, reason, count, next }) => (
              <tr key={`${status} ${reason}`}>
                <td>
                  {wordsOfReason(reason)}{" "}
                  <span className="muted">{status === "waiting" ? "waits" : "not sent"}</span>
                </td>
                <td className={table.number}>{formatCount(count)}</td>
                <td>{next[0] && <ShortInstant at={next[0].at} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <table className={table.table}>
        <thead>
          <tr>
            <th>Channel</th>
            {outcomes.map(([outcome, words]) => (
              <th key={outcome} className={table.number}>
                {toWords(words)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {channels.map((counts) => (
            <tr key={counts.channel}>
              <td>
                <Icon name={counts.channel} size={14} /> {channelWords[counts.channel]}
              </td>
              {outcomes.map(([outcome]) => (
                <td key={outcome} className={table.number}>
                  {formatCount(counts[outcome])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {passedOver.map(({ channel, why, count }) => (
        <p key={`${channel} ${why}`} className="muted">
          {channelWords[channel]} passed over for {formatCount(count)}: {toWords(why).toLowerCase()}
        </p>
      ))}
      {later.map(({ stage, after, recipients: count }) => (
        <p key={stage} className="muted">
          Stage {stage + 1} follows {formatNoun(after.minutes, "minute")} later for{" "}
          {formatNoun(count, "recipient")}, unless {after.unless}.
        </p>
      ))}
      {examples.length > 0 && (
        <details>
          <summary>Examples with the decision on each</summary>
          <ul className={styles.examples}>
            {examples.map(({ recipient, stage, channel, reason, until, chip }) => (
              <li key={`${recipient} ${stage}`}>
                <Chip {...chip} word={reason === null ? "Sent" : wordsOfReason(reason)} />
                <span title={recipient}>{shortenId(recipient)}</span>
                <span className="muted">
                  {channelWords[channel]}
                  {stage > 0 && `, stage ${stage + 1}`}
                  {until !== null && (
                    <>
                      , until <ShortInstant at={until} />
                    </>
                  )}
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

const toCounts = ({ sent, waiting, suppressed }: Preview["deliveries"]) =>
  ({
    pending: waiting,
    sending: 0,
    sent,
    delivered: 0,
    failed: 0,
    suppressed,
    cancelled: 0,
    unknown: 0,
  }) satisfies Record<DeliveryStatus, number>;
