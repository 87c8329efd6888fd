import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Panel } from "../parts/page.tsx";
import { Pages } from "../parts/pages.tsx";
import { Segments } from "../parts/segments.tsx";
import { Empty, Failed, FilteredToNothing, Loading } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { showToast } from "../parts/toast.tsx";
import { removeSubscriber, type Subscriber, subscribersQuery } from "./queries.ts";
import type { TopicSearch } from "./search.ts";
import styles from "./topics.module.css";
import { SubscriptionChip, wayWords } from "./words.tsx";

/** The subscribers of a topic, the newest first, with what can be done with each. */
export function SubscribersPanel({ topicKey, search }: { topicKey: string; search: TopicSearch }) {
  const navigate = useNavigate({ from: "/topics/$key" });
  const { status, cursor } = search;
  const { data, error, refetch, isPlaceholderData } = useQuery({
    ...subscribersQuery(topicKey, { status, cursor }),
    placeholderData: keepPreviousData,
  });
  const [leaving, setLeaving] = useState<Subscriber | null>(null);
  return (
    <Panel
      title="Subscribers"
      isFlush
      aside={
        <a href="/docs#/topics" className="muted">
          Import by the API
        </a>
      }
    >
      <div className={styles.bar}>
        <Segments
          label="Which subscribers"
          values={{
            all: "All",
            subscribed: "Subscribed",
            pending: "Pending",
            unsubscribed: "Unsubscribed",
          }}
          chosen={status ?? "all"}
          onChange={(chosen) =>
            void navigate({ search: { status: chosen === "all" ? undefined : chosen } })
          }
        />
      </div>
      {data ? (
        data.items.length > 0 ? (
          <SubscriberTable topicKey={topicKey} rows={data.items} onLeave={setLeaving} />
        ) : status === undefined ? (
          <Empty icon="person" title="No subscribers yet">
            People subscribe by the sign-up form, by your own services, or are added here.
          </Empty>
        ) : (
          <FilteredToNothing what="subscribers" onClear={() => void navigate({ search: {} })} />
        )
      ) : error ? (
        <Failed what="the subscribers" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="the subscribers" />
      )}
      {data && (data.nextCursor !== null || cursor !== undefined) && (
        <Pages
          shown={data.items.length}
          isFirst={cursor === undefined}
          nextCursor={data.nextCursor}
          isStale={isPlaceholderData}
          onTurn={(next) => void navigate({ search: (before) => ({ ...before, cursor: next }) })}
        />
      )}
      {leaving && (
        <LeaveDialog topicKey={topicKey} subscriber={leaving} onClose={() => setLeaving(null)} />
      )}
    </Panel>
  );
}

function SubscriberTable({
  topicKey,
  rows,
  onLeave,
}: {
  topicKey: string;
  rows: readonly Subscriber[];
  onLeave: (subscriber: Subscriber) => void;
}) {
  const zone = useZone();
  return (
    <div className={table.scroll}>
      <table className={table.table}>
        <thead>
          <tr>
            <th>Recipient</th>
            <th>Status</th>
            <th className={table.wide}>Changed by</th>
            <th className={table.wide}>Changed ({zone})</th>
            <th>
              <span className="hidden-text">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.recipient}>
              <td>
                <Link to="/recipients/$id" params={{ id: row.recipient }} className={table.name}>
                  {row.externalId}
                </Link>
              </td>
              <td>
                <SubscriptionChip status={row.status} />
              </td>
              <td className={table.wide}>{wayWords[row.changedBy]}</td>
              <td className={table.wide}>
                <ShortInstant at={row.updatedAt} />
              </td>
              <td className={styles.actions}>
                <Link
                  from="/topics/$key"
                  to="/topics/$key"
                  params={{ key: topicKey }}
                  search={(before) => ({ ...before, consent: row.recipient })}
                  aria-label={`Consent of ${row.externalId}`}
                >
                  Consent
                </Link>
                {row.status !== "unsubscribed" && (
                  <Button
                    kind="quiet"
                    needs="sender"
                    aria-label={`Remove ${row.externalId}`}
                    onClick={() => onLeave(row)}
                  >
                    Remove
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function LeaveDialog({
  topicKey,
  subscriber,
  onClose,
}: {
  topicKey: string;
  subscriber: Subscriber;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: () => removeSubscriber(topicKey, subscriber.recipient),
    async onSuccess() {
      await client.invalidateQueries({ queryKey: ["topics"] });
      showToast("The recipient is not subscribed any more.");
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={`Remove ${subscriber.externalId}`}
      keep="Cancel"
      act="Remove"
      kind="danger"
      needs="sender"
      change={change}
      onClose={onClose}
    >
      <p>
        They receive no more campaigns of this topic, also none that waits for them now. The consent
        that they gave stays on record.
      </p>
    </ConfirmDialog>
  );
}
