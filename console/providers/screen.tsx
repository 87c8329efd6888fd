import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Channel, channels } from "../../domain/channel.ts";
import { Button } from "../parts/button.tsx";
import { Stack } from "../parts/columns.tsx";
import entries from "../parts/entry-list.module.css";
import { Page, Panel } from "../parts/page.tsx";
import { useRowKeys } from "../parts/row-keys.ts";
import { Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { channelWords } from "../words/statuses.ts";
import { ProviderRow } from "./provider-row.tsx";
import { type Gate, gatesQuery, type Provider, providersQuery } from "./queries.ts";
import { QuotaBar } from "./quota-bar.tsx";
import styles from "./screen.module.css";
import { StopDialog } from "./stop-dialog.tsx";
import { StopNote } from "./stop-note.tsx";
import { limitsOf, messagesOf } from "./words.ts";

/** Channels that need no provider: what they send is written into the database. */
const ownChannels: readonly Channel[] = ["in_app"];

/** The providers of each channel in the order in which they are tried, and the gates of the channels. */
export function ProvidersScreen() {
  const providers = useQuery(providersQuery);
  const gates = useQuery(gatesQuery);
  const [stopping, stop] = useState<Channel | null>(null);
  const items = providers.data?.items ?? [];
  const { propsOf } = useRowKeys({
    ids: items.map(({ name }) => name),
    keys: {},
  });
  const shown = channels.filter(
    (channel) => ownChannels.includes(channel) || items.some((item) => item.channel === channel),
  );
  const gateOf = (channel: Channel) =>
    gates.data?.items.find(({ kind, name }) => kind === "channel" && name === channel) ?? null;
  const error = providers.error ?? gates.error;
  const retry = () => {
    void providers.refetch();
    void gates.refetch();
  };
  return (
    <Page title="Providers" documentTitle="Providers">
      {providers.data && gates.data ? (
        <Stack>
          {error && <ProblemBanner error={error} retry={retry} />}
          {shown.map((channel) => (
            <ChannelPanel
              key={channel}
              channel={channel}
              gate={gateOf(channel)}
              providers={items.filter((item) => item.channel === channel)}
              propsOf={propsOf}
              onStop={() => stop(channel)}
            />
          ))}
        </Stack>
      ) : error ? (
        <Panel>
          <Failed what="the providers" error={error} retry={retry} />
        </Panel>
      ) : (
        <Panel>
          <Loading what="the providers" />
        </Panel>
      )}
      {stopping && (
        <StopDialog
          target={{ kind: "channel", name: stopping }}
          channel={stopping}
          onClose={() => stop(null)}
        />
      )}
    </Page>
  );
}

function ChannelPanel({
  channel,
  gate,
  providers,
  propsOf,
  onStop,
}: {
  channel: Channel;
  gate: Gate | null;
  providers: readonly Provider[];
  propsOf: ReturnType<typeof useRowKeys>["propsOf"];
  onStop: () => void;
}) {
  const { rate, quotas } = limitsOf(gate);
  const isOrdered =
    providers.filter(({ configuration }) => configuration?.position != null).length > 1;
  return (
    <Panel
      title={channelWords[channel]}
      isFlush
      aside={
        gate?.shutBy == null && (
          <Button kind="quiet" icon="stop" needs="admin" onClick={onStop}>
            Stop all {messagesOf[channel]} now
          </Button>
        )
      }
    >
      {gate && (
        <StopNote target={{ kind: "channel", name: channel }} channel={channel} gate={gate} />
      )}
      {(rate !== null || quotas.length > 0) && (
        <div className={styles.none}>
          <div className={styles.figures}>
            {rate !== null && <span>The channel sends at most {rate}.</span>}
            {quotas.map((quota) => (
              <QuotaBar key={quota.per} {...quota} />
            ))}
          </div>
        </div>
      )}
      {providers.length === 0 ? (
        <p className={`${styles.none} muted`}>
          It needs no provider: its messages are written into the database.
        </p>
      ) : (
        <ol className={`${entries.entries} ${styles.chain}`} data-ordered={isOrdered}>
          {providers.map((provider) => (
            <ProviderRow
              key={provider.name}
              provider={provider}
              isOrdered={isOrdered}
              isChannelStopped={gate?.shutBy != null}
              rowProps={propsOf(provider.name)}
            />
          ))}
        </ol>
      )}
    </Panel>
  );
}
