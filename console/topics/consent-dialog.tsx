import { useQuery } from "@tanstack/react-query";
import { ActorName } from "../parts/actor-name.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Instant } from "../parts/instant.tsx";
import { Facts } from "../parts/page.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import { subscriptionQuery } from "./queries.ts";
import { stepWords, SubscriptionChip, wayWords } from "./words.tsx";
import styles from "./topics.module.css";

/** Shows the evidence of the consent of a recipient, the newest step first. */
export function ConsentDialog({
  topic,
  recipient,
  onClose,
}: {
  topic: string;
  recipient: string;
  onClose: () => void;
}) {
  const { data, error, refetch } = useQuery(subscriptionQuery(topic, recipient));
  return (
    <Dialog title="Consent" onClose={onClose}>
      {data ? (
        <>
          <p className={styles.who}>
            <strong>{data.externalId}</strong> <SubscriptionChip status={data.status} />
          </p>
          <ol className={styles.steps}>
            {data.consent.map((step) => (
              <li key={`${step.at} ${step.step}`}>
                <h3>{stepWords[step.step]}</h3>
                <Facts
                  items={[
                    ["When", <Instant key="at" at={step.at} />],
                    ["By", wayWords[step.way]],
                    ["Who", step.actor && <ActorName key="actor" id={step.actor} />],
                    ["Where", step.source],
                    ["Language", step.locale],
                    ["Texts", step.textVersion && `Version ${step.textVersion}`],
                  ]}
                />
              </li>
            ))}
          </ol>
        </>
      ) : error ? (
        <Failed what="the consent" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="the consent" rows={3} />
      )}
    </Dialog>
  );
}
