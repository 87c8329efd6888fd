import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { OutcomeChart } from "../charts/outcome-chart.tsx";
import { Button } from "../parts/button.tsx";
import { Columns } from "../parts/columns.tsx";
import { Icon } from "../parts/icon.tsx";
import { Instant } from "../parts/instant.tsx";
import { Facts, Page, Panel } from "../parts/page.tsx";
import { Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { Chip } from "../parts/status-chip.tsx";
import { formatCount } from "../words/numbers.ts";
import { channelWords } from "../words/statuses.ts";
import { Recent, StateSentence } from "./provider-row.tsx";
import styles from "./provider-screen.module.css";
import { DomainsPanel } from "./domains-panel.tsx";
import { type Provider, providerQuery } from "./queries.ts";
import { QuotaBar } from "./quota-bar.tsx";
import { ResetButton } from "./reset-button.tsx";
import { StopDialog } from "./stop-dialog.tsx";
import { StopNote } from "./stop-note.tsx";
import { kindWords, limitsOf, stateLooks, stateOf } from "./words.ts";

const lastHours = { lastMs: 6 * 3_600_000 };

/** One provider: whether it is used, what limits it, what is configured, and the deliveries of its channel. */
export function ProviderScreen() {
  const { name } = useParams({ from: "/providers/$name" });
  const { data: provider, error, refetch } = useQuery(providerQuery(name));
  const [isStopping, stop] = useState(false);
  const target = { kind: "provider" as const, name };
  return (
    <Page
      up={{ to: "/providers", name: "Providers" }}
      title={name}
      documentTitle="Provider"
      actions={
        provider && (
          <>
            <Chip {...stateLooks[stateOf(provider)]} />
            <ResetButton provider={provider} />
            {provider.gate?.shutBy == null && (
              <Button icon="stop" needs="admin" onClick={() => stop(true)}>
                Stop
              </Button>
            )}
          </>
        )
      }
    >
      {provider ? (
        <>
          {error && <ProblemBanner error={error} retry={() => void refetch()} />}
          {provider.gate?.shutUntil != null && (
            <div className={styles.note}>
              <StopNote target={target} channel={provider.channel} gate={provider.gate} />
            </div>
          )}
          <div className={styles.outcomes}>
            <Panel title="The last 6 hours">
              <OutcomeChart
                caption="Deliveries that ended in the last 6 hours"
                filters={{ provider: provider.name }}
                span={lastHours}
                none="No delivery whose last attempt used this provider has ended in this time."
              />
            </Panel>
          </div>
          <Columns>
            <StatePanel provider={provider} />
            <LimitsPanel provider={provider} />
            <Panel title="Configuration">
              {provider.configuration ? (
                <Facts
                  items={[
                    ["Channel", channelWords[provider.channel]],
                    ["Kind", kindWords[provider.configuration.kind] ?? provider.configuration.kind],
                    [
                      "Tried",
                      provider.configuration.position === null
                        ? "for the devices that have it"
                        : `as number ${provider.configuration.position} of its channel`,
                    ],
                    [
                      "Connections",
                      `${formatCount(provider.configuration.connections)} per worker`,
                    ],
                    ["Configured limits", describeLimits(provider.configuration.limits)],
                  ]}
                />
              ) : (
                <p className="muted">
                  The workers that started last do not name it in their configuration.
                </p>
              )}
            </Panel>
            {provider.domains.length > 0 && <DomainsPanel domains={provider.domains} />}
            <DeliveriesPanel provider={provider} />
          </Columns>
          {isStopping && (
            <StopDialog target={target} channel={provider.channel} onClose={() => stop(false)} />
          )}
        </>
      ) : (
        <Panel>
          {error ? (
            <Failed what="this provider" error={error} retry={() => void refetch()} />
          ) : (
            <Loading what="the provider" />
          )}
        </Panel>
      )}
    </Page>
  );
}

function StatePanel({ provider }: { provider: Provider }) {
  const { breaker } = provider;
  const at = (instant: string | null) => instant && <Instant at={instant} />;
  return (
    <Panel title="State">
      <Facts
        items={[
          ["Now", <StateSentence key="state" provider={provider} />],
          ["Attempts", <Recent key="recent" provider={provider} />],
          ["Failures in a row", formatCount(breaker.failures)],
          ["Failing since", at(breaker.failingSince)],
          ["Breaker opened", at(breaker.openedAt)],
          ["Breaker closed", at(breaker.closedAt)],
          ["Next trial", at(breaker.nextTrialAt)],
          ["Last failure", at(breaker.lastFailedAt)],
          ["It said", breaker.reason && <q key="reason">{breaker.reason}</q>],
        ]}
      />
    </Panel>
  );
}

function LimitsPanel({ provider: { gate } }: { provider: Provider }) {
  const { rate, quotas } = limitsOf(gate);
  return (
    <Panel title="Limits in force">
      <div className={styles.limits}>
        {rate === null && quotas.length === 0 ? (
          <p className="muted">None: its messages leave as fast as it takes them.</p>
        ) : (
          <p>{rate === null ? "No rate." : `At most ${rate}.`}</p>
        )}
        {quotas.map((quota) => (
          <QuotaBar key={quota.per} {...quota} />
        ))}
      </div>
    </Panel>
  );
}

function DeliveriesPanel({ provider: { channel } }: { provider: Provider }) {
  const of = { channel: [channel] };
  return (
    <Panel title="Deliveries of its channel">
      <ul className={styles.links}>
        <li>
          <Icon name="clock" />
          <Link
            to="/deliveries"
            search={{
              ...of,
              status: ["pending"],
              reason: ["retry", "provider_unavailable", "provider_rate", "sender_refused"],
            }}
          >
            Those that wait for a provider or another attempt
          </Link>
        </li>
        <li>
          <Icon name="cross" />
          <Link to="/deliveries" search={{ ...of, status: ["failed"] }}>
            Those that failed
          </Link>
        </li>
        <li>
          <Icon name="deliveries" />
          <Link to="/deliveries" search={of}>
            All of them
          </Link>
        </li>
      </ul>
    </Panel>
  );
}

function describeLimits(limits: NonNullable<Provider["configuration"]>["limits"]): string {
  if (limits === null) return "none";
  const { permitsPerSecond, hourlyQuota, dailyQuota } = limits;
  return [
    permitsPerSecond !== null && `${formatCount(permitsPerSecond)} per second`,
    hourlyQuota !== null && `${formatCount(hourlyQuota)} per hour`,
    dailyQuota !== null && `${formatCount(dailyQuota)} per day`,
  ]
    .filter(Boolean)
    .join(", ");
}
