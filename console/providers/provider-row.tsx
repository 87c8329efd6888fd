import { Link, useNavigate } from "@tanstack/react-router";
import { ActorName } from "../parts/actor-name.tsx";
import entries from "../parts/entry-list.module.css";
import { Icon } from "../parts/icon.tsx";
import { useNow } from "../parts/now.ts";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import type { useRowKeys } from "../parts/row-keys.ts";
import { Chip } from "../parts/status-chip.tsx";
import { formatDuration, formatRelative } from "../words/instants.ts";
import { formatCount, formatShare } from "../words/numbers.ts";
import type { Provider } from "./queries.ts";
import { QuotaBar } from "./quota-bar.tsx";
import { ResetButton } from "./reset-button.tsx";
import styles from "./screen.module.css";
import { kindWords, limitsOf, stateLooks, stateOf } from "./words.ts";

interface ProviderRowProps {
  provider: Provider;
  /** Whether the providers of the channel are tried one after the other. */
  isOrdered: boolean;
  isChannelStopped: boolean;
  rowProps: ReturnType<ReturnType<typeof useRowKeys>["propsOf"]>;
}

/** A provider in the list: whether it is used and since when, how much of its limits is used, and how its last attempts ended. */
export function ProviderRow({ provider, isOrdered, isChannelStopped, rowProps }: ProviderRowProps) {
  const { name, configuration, gate, breaker } = provider;
  const navigate = useNavigate();
  const { rate, quotas } = limitsOf(gate);
  return (
    // The keys j and k move among the rows, and Enter opens the one that has the focus.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex, jsx-a11y/no-noninteractive-element-interactions
    <li
      {...rowProps}
      onKeyDown={({ key, target, currentTarget }) => {
        if (key === "Enter" && target === currentTarget)
          void navigate({ to: "/providers/$name", params: { name } });
      }}
    >
      <span className={styles.place}>
        {isOrdered ? (configuration?.position ?? "–") : <Icon name={provider.channel} size={14} />}
      </span>
      <div className={entries.main}>
        <div className={entries.name}>
          <Link to="/providers/$name" params={{ name }}>
            {name}
          </Link>
          <Chip {...stateLooks[stateOf(provider, isChannelStopped)]} />
          {configuration && (
            <span className="muted">
              {kindWords[configuration.kind] ?? configuration.kind},{" "}
              {formatCount(configuration.connections)} connections per worker
            </span>
          )}
        </div>
        <StateSentence provider={provider} />
        {breaker.reason !== null && breaker.lastFailedAt !== null && (
          <span className={`${styles.failure} muted`}>
            Last failure <ShortInstant at={breaker.lastFailedAt} /> <Zone />: {breaker.reason}
          </span>
        )}
      </div>
      <div className={styles.figures}>
        {rate !== null && <span>At most {rate}</span>}
        {quotas.map((quota) => (
          <QuotaBar key={quota.per} {...quota} />
        ))}
        {rate === null && quotas.length === 0 && <span className="muted">No limits</span>}
      </div>
      <div className={styles.figures}>
        <Recent provider={provider} />
      </div>
      <div className={styles.actions}>
        <ResetButton provider={provider} />
      </div>
    </li>
  );
}

const Zone = () => <span className="muted">{useZone()}</span>;

/** Since when the provider is not used, and when it is tried again. */
export function StateSentence({ provider }: { provider: Provider }) {
  const now = useNow();
  const { breaker, gate } = provider;
  const ago = (at: string | null) => (at === null ? "" : ` ${formatRelative(at, now)}`);
  switch (stateOf(provider)) {
    case "stopped":
      return (
        <span>
          Stopped by <ActorName id={gate!.shutBy} />
          {ago(gate!.shutSince)}, opens{ago(gate!.shutUntil)}.
        </span>
      );
    case "open":
      return (
        <span>
          Its breaker opened{ago(breaker.openedAt)}
          {breaker.nextTrialAt !== null &&
            (Date.parse(breaker.nextTrialAt) > now.getTime()
              ? `, the next trial is${ago(breaker.nextTrialAt)}`
              : ", and the next message is a trial")}
          .
        </span>
      );
    case "half_open":
      return (
        <span>
          {formatCount(breaker.trials?.passed ?? 0)} of {formatCount(breaker.trials?.taken ?? 0)}{" "}
          trial messages were taken.
        </span>
      );
    case "paused":
      return <span>It asked for a pause, which ends{ago(gate!.shutUntil)}.</span>;
    case "removed":
      return <span className="muted">No worker has it in its configuration any more.</span>;
    case "idle":
    case "in_use":
      if (breaker.failures > 0)
        return (
          <span>
            {formatCount(breaker.failures)} {breaker.failures === 1 ? "failure" : "failures"} in a
            row.
          </span>
        );
      return breaker.closedAt === null ? (
        <span className="muted">Never out of service</span>
      ) : (
        <span className="muted">Used again since{ago(breaker.closedAt)}</span>
      );
  }
}

/** The outcomes of its last attempts. */
export function Recent({ provider: { recent } }: { provider: Provider }) {
  if (recent === null) return <span className="muted">Attempts could not be counted</span>;
  const span = `in the last ${formatDuration(recent.seconds)}`;
  if (recent.attempts === 0) return <span className="muted">No attempts {span}</span>;
  return (
    <span>
      <strong className="figures">{formatCount(recent.attempts)}</strong>{" "}
      {recent.attempts === 1 ? "attempt" : "attempts"} {span}
      {recent.failed === 0
        ? ", none failed"
        : `, ${formatCount(recent.failed)} failed (${formatShare(recent.failed / recent.attempts)})`}
    </span>
  );
}
