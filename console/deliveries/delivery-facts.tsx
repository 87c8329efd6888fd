import { Link } from "@tanstack/react-router";
import type { Channel } from "../../domain/channel.ts";
import { instantFacts } from "./instant-facts.tsx";
import type { DeliveryDetails } from "./queries.ts";
import { Instant } from "../parts/instant.tsx";
import { Facts } from "../parts/page.tsx";
import { TemplateLink } from "../parts/template-link.tsx";
import { linkOfId } from "../shell/places.ts";
import { wordsOfReason } from "../words/reasons.ts";
import { channelWords, priorityWords } from "../words/statuses.ts";
import { CopyButton } from "../parts/states.tsx";
import { TemporalLink } from "../parts/temporal-link.tsx";
import styles from "./delivery-facts.module.css";

/** The queue of digests that are not due yet. No workflow drains it. */
const undrained = "digest/waiting";

/** What the ledger has about a delivery. */
export function DeliveryFacts({ delivery }: { delivery: DeliveryDetails }) {
  const { id, source, recipient, type, channel, failedChannels, templateVersion } = delivery;
  const { reason, detail, dueAt, finishedAt, group, decided, stage, leg, queue } = delivery;
  return (
    <Facts
      items={[
        [
          "Delivery",
          <Id key="id" id={id} label="Copy the id of the delivery">
            {id}
          </Id>,
        ],
        ["Reason", reason === null ? null : wordsOfReason(reason)],
        ["Detail", detail],
        [
          "Recipient",
          <Id key="recipient" id={recipient} label="Copy the id of the recipient">
            <Link {...linkOfId(recipient)}>{recipient}</Link>
          </Id>,
        ],
        [
          source.startsWith("cmp_") ? "Campaign" : "Notification",
          <Id key="source" id={source} label="Copy the id of the source">
            <Link {...linkOfId(source)}>{source}</Link>
          </Id>,
        ],
        [
          "Type",
          type === null ? null : (
            <Link key="type" to="/deliveries" search={{ type }}>
              {type}
            </Link>
          ),
        ],
        ["Template", templateVersion && <TemplateLink key="template" template={templateVersion} />],
        [
          "Channel",
          `${channelWords[channel as Channel]}${failedChannels.length > 0 ? `, after ${failedChannels.map((each) => channelWords[each as Channel]).join(", ")} failed` : ""}`,
        ],
        ["Stage", stage === null ? leg : stage > 0 ? `${stage + 1} of its route` : null],
        ["Priority", priorityWords[delivery.priority]],
        [
          "Queue",
          <span key="queue" className={styles.queue}>
            <Link to="/deliveries" search={{ queue, status: ["pending"] }}>
              {queue}
            </Link>
            {queue !== undrained && <TemporalLink runs={{ queue }}>in Temporal</TemporalLink>}
          </span>,
        ],
        [
          "Group",
          group === null ? null : (
            <Link key="group" to="/deliveries" search={{ group }}>
              {group}
            </Link>
          ),
        ],
        ["Created", <Instant key="created" at={delivery.createdAt} />],
        ["Due", dueAt === null ? null : <Instant key="due" at={dueAt} />],
        ["Decided", decided === null ? null : <Instant key="decided" at={decided.at} />],
        ["Ended", finishedAt === null ? null : <Instant key="ended" at={finishedAt} />],
        ...instantFacts(delivery),
      ]}
    />
  );
}

function Id({ id, label, children }: { id: string; label: string; children: React.ReactNode }) {
  return (
    <span className={styles.id}>
      <span className="mono">{children}</span>
      <CopyButton text={id} label={label} />
    </span>
  );
}
