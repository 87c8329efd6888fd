import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { Instant } from "../parts/instant.tsx";
import { Panel } from "../parts/page.tsx";
import { Empty, Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { showToast } from "../parts/toast.tsx";
import { ConsentDialog } from "../topics/consent-dialog.tsx";
import { addSubscriber, removeSubscriber } from "../topics/queries.ts";
import { LeavingWords, SubscriptionTable } from "../topics/subscription-table.tsx";
import { type RecipientTopic, topicsOfRecipientQuery } from "./queries.ts";

/** Which topics the recipient is, was or can be subscribed to. */
export function TopicsTab({ id }: { id: string }) {
  const { data, error, refetch } = useQuery(topicsOfRecipientQuery(id));
  const [changed, setChanged] = useState<RecipientTopic | null>(null);
  const [consent, setConsent] = useState<string | null>(null);
  const retry = () => void refetch();
  return (
    <Panel title="Topics" isFlush>
      {data ? (
        <>
          {error && <ProblemBanner error={error} retry={retry} />}
          {data.items.length > 0 ? (
            <TopicTable topics={data.items} onChange={setChanged} onConsent={setConsent} />
          ) : (
            <Empty title="No topics">
              The recipient was never subscribed to a topic, and none is public.{" "}
              <Link to="/topics">See all topics</Link>
            </Empty>
          )}
        </>
      ) : error ? (
        <Failed what="the topics" error={error} retry={retry} />
      ) : (
        <Loading what="the topics" rows={3} />
      )}
      {changed && <ChangeDialog recipient={id} topic={changed} onClose={() => setChanged(null)} />}
      {consent !== null && (
        <ConsentDialog topic={consent} recipient={id} onClose={() => setConsent(null)} />
      )}
    </Panel>
  );
}

const isSubscribed = ({ status }: RecipientTopic) =>
  status === "subscribed" || status === "pending";

function TopicTable({
  topics,
  onChange,
  onConsent,
}: {
  topics: readonly RecipientTopic[];
  onChange: (topic: RecipientTopic) => void;
  onConsent: (key: string) => void;
}) {
  return (
    <SubscriptionTable
      label="Topics of the recipient"
      of="Topic"
      facts={["Since"]}
      rows={topics.map((topic) => ({
        key: topic.key,
        name: (
          <>
            <Link to="/topics/$key" params={{ key: topic.key }} className={table.name}>
              {topic.name}
            </Link>
            {topic.optIn === "double" && (
              <span className={`muted ${table.wide}`}> · asks for confirmation</span>
            )}
          </>
        ),
        status: topic.status,
        facts: [topic.subscribedAt !== null && <Instant key="since" at={topic.subscribedAt} />],
        actions: (
          <>
            {topic.status !== null && (
              <Button
                kind="quiet"
                aria-label={`Consent to ${topic.name}`}
                onClick={() => onConsent(topic.key)}
              >
                Consent
              </Button>
            )}
            {(isSubscribed(topic) || topic.isOpen) && (
              <Button
                needs="sender"
                aria-label={`${isSubscribed(topic) ? "Unsubscribe from" : "Subscribe to"} ${topic.name}`}
                onClick={() => onChange(topic)}
              >
                {isSubscribed(topic) ? "Unsubscribe" : "Subscribe"}
              </Button>
            )}
          </>
        ),
      }))}
    />
  );
}

/** What has happened, by the status that a change came to. */
const outcomes: Record<NonNullable<RecipientTopic["status"]>, (topic: string) => string> = {
  pending: () => "The recipient is asked for confirmation by email.",
  subscribed: (topic) => `The recipient is subscribed to ${topic}.`,
  unsubscribed: (topic) => `The recipient is not subscribed to ${topic} any more.`,
};

function ChangeDialog({
  recipient,
  topic,
  onClose,
}: {
  recipient: string;
  topic: RecipientTopic;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const { key, name, optIn } = topic;
  const isLeaving = isSubscribed(topic);
  const change = useMutation({
    async mutationFn() {
      if (!isLeaving) return (await addSubscriber(key, recipient)).status;
      await removeSubscriber(key, recipient);
      return "unsubscribed";
    },
    async onSuccess(status) {
      await client.invalidateQueries({ queryKey: ["topics"] });
      showToast(outcomes[status](name));
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={`${isLeaving ? "Unsubscribe from" : "Subscribe to"} ${name}`}
      keep="Leave it as it is"
      act={isLeaving ? "Unsubscribe the recipient" : "Subscribe the recipient"}
      kind={isLeaving ? "danger" : "primary"}
      needs="sender"
      change={change}
      onClose={onClose}
    >
      {isLeaving ? (
        <LeavingWords />
      ) : (
        <p>
          {optIn === "double"
            ? "They receive an email that asks for confirmation, and are pending until then."
            : "They are subscribed at once. Only somebody who has unsubscribed by themselves is asked for confirmation."}{" "}
          Subscribe only people who have asked for it.
        </p>
      )}
    </ConfirmDialog>
  );
}
