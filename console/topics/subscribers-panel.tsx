import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import buttons from "../parts/button.module.css";
import { Button } from "../parts/button.tsx";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { List } from "../parts/list.tsx";
import { Panel } from "../parts/page.tsx";
import { Segments } from "../parts/segments.tsx";
import { Empty, FilteredToNothing } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { showToast } from "../parts/toast.tsx";
import { removeSubscriber, type Subscriber, subscribersQuery } from "./queries.ts";
import type { TopicSearch } from "./search.ts";
import { LeavingWords, SubscriptionTable } from "./subscription-table.tsx";
import styles from "./topics.module.css";
import { wayWords } from "./words.tsx";

/** The subscribers of a topic, the newest first, with what can be done with each. */
export function SubscribersPanel({ topicKey, search }: { topicKey: string; search: TopicSearch }) {
  const navigate = useNavigate({ from: "/topics/$key" });
  const { status, cursor } = search;
  const zone = useZone();
  const query = useQuery({
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
      <List
        what="the subscribers"
        query={query}
        cursor={cursor}
        onTurn={(next) => void navigate({ search: (before) => ({ ...before, cursor: next }) })}
        empty={
          status === undefined ? (
            <Empty icon="person" title="No subscribers yet">
              People subscribe by the sign-up form, by your own services, or are added here.
            </Empty>
          ) : (
            <FilteredToNothing what="subscribers" onClear={() => void navigate({ search: {} })} />
          )
        }
      >
        {({ items }) => (
          <SubscriptionTable
            label="Subscribers of the topic"
            of="Recipient"
            facts={["Changed by", `Changed (${zone})`]}
            rows={items.map((subscriber) => ({
              key: subscriber.recipient,
              name: (
                <Link
                  to="/recipients/$id"
                  params={{ id: subscriber.recipient }}
                  className={table.name}
                >
                  {subscriber.externalId}
                </Link>
              ),
              status: subscriber.status,
              facts: [
                wayWords[subscriber.changedBy],
                <ShortInstant key="at" at={subscriber.updatedAt} />,
              ],
              actions: (
                <SubscriberActions
                  topicKey={topicKey}
                  subscriber={subscriber}
                  onLeave={() => setLeaving(subscriber)}
                />
              ),
            }))}
          />
        )}
      </List>
      {leaving && (
        <LeaveDialog topicKey={topicKey} subscriber={leaving} onClose={() => setLeaving(null)} />
      )}
    </Panel>
  );
}

function SubscriberActions({
  topicKey,
  subscriber: { recipient, externalId, status },
  onLeave,
}: {
  topicKey: string;
  subscriber: Subscriber;
  onLeave: () => void;
}) {
  return (
    <>
      <Link
        from="/topics/$key"
        to="/topics/$key"
        params={{ key: topicKey }}
        search={(before) => ({ ...before, consent: recipient })}
        className={`${buttons.button} ${buttons.quiet}`}
        aria-label={`Consent of ${externalId}`}
      >
        Consent
      </Link>
      {status !== "unsubscribed" && (
        <Button needs="sender" aria-label={`Remove ${externalId}`} onClick={onLeave}>
          Remove
        </Button>
      )}
    </>
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
      <LeavingWords />
    </ConfirmDialog>
  );
}
