import type { Channel } from "../../domain/channel.ts";
import { Link } from "@tanstack/react-router";
import type { DeliveryDetails, Explanation } from "../deliveries/queries.ts";
import { instantFacts } from "../deliveries/instant-facts.tsx";
import { Icon } from "../parts/icon.tsx";
import { Instant } from "../parts/instant.tsx";
import { Facts } from "../parts/page.tsx";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { channelWords } from "../words/statuses.ts";
import { Attempts } from "./attempts.tsx";
import { NextDecision } from "./next-decision.tsx";
import { RuleTrack } from "./rule-track.tsx";
import styles from "./why.module.css";

interface WhyProps {
  explanation: Explanation;
  delivery: DeliveryDetails;
}

/** Why a delivery was sent, waits, or was not sent: the sentence, the rules, the route, the attempts and the group. */
export function Why({ explanation, delivery }: WhyProps) {
  const { summary, notes, consistent, rules, route, group, basis, asOf, versions } = explanation;
  return (
    <div className={styles.why}>
      <p className={styles.summary}>{summary}</p>
      {(!consistent || notes.length > 0) && (
        <div className={styles.notes} role="note">
          <Icon name="warning" />
          <div>
            {!consistent && (
              <p>
                <strong>The recorded decision and the one repeated today differ.</strong>
              </p>
            )}
            {notes.map((note) => (
              <p key={note}>{note}</p>
            ))}
          </div>
        </div>
      )}
      <section aria-labelledby="why-rules">
        <h3 id="why-rules">The decision</h3>
        <p className={`muted ${styles.basis}`}>
          {basis === "record"
            ? "The recorded decision, repeated with its facts, of "
            : "No decision is recorded. This is what the rules say now, at "}
          <Instant at={asOf} />
        </p>
        <RuleTrack rules={rules} versions={versions} />
      </section>
      {route && <RouteTrack route={route} />}
      <section aria-labelledby="why-attempts">
        <h3 id="why-attempts">Attempts</h3>
        <Attempts attempts={delivery.attempts} />
      </section>
      {delivery.sentAt !== null && (
        <section aria-labelledby="why-engagement">
          <h3 id="why-engagement">What became of it</h3>
          <Facts items={instantFacts(delivery)} />
        </section>
      )}
      {delivery.status === "pending" && <NextDecision delivery={delivery} />}
      {group && (
        <section aria-labelledby="why-group">
          <h3 id="why-group">{group.kind === "batch" ? "Batch" : "Digest"}</h3>
          <Facts
            items={[
              [
                "Members",
                <Link key="members" to="/deliveries" search={{ group: group.id }}>
                  {formatCount(group.members)}
                </Link>,
              ],
              ["Closes", <Instant key="closes" at={group.closesAt} />],
            ]}
          />
        </section>
      )}
    </div>
  );
}

type Route = NonNullable<Explanation["route"]>;

const passedOverWords: Record<Route["passedOver"][number]["why"], string> = {
  failed: "sending failed",
  no_content: "the message has no content for it",
  type_forbids: "the type does not allow it",
  channel_off: "switched off",
  no_address: "the recipient has no address",
  address_suppressed: "the address is suppressed",
  no_provider: "no provider offers it",
  out_of_service: "it was out of service",
};

/** The stages of a route, and the channels that the delivery's stage passed over. */
function RouteTrack({ route }: { route: Route }) {
  return (
    <section aria-labelledby="why-route">
      <h3 id="why-route">Route</h3>
      <p className={`muted ${styles.basis}`}>Chosen by {route.origin}</p>
      <ol className={styles.stages}>
        {route.stages.map((stage, number) => (
          <li key={number} data-current={number === route.stage}>
            <strong>Stage {number + 1}</strong>
            <span className="muted">
              {number === route.stage && " · this delivery"}
              {stage.via === "preferred" && " · by the recipient’s order of channels"}
              {stage.after &&
                ` · ${formatNoun(stage.after.minutes, "minute")} later, unless ${stage.after.unless}`}
            </span>
            <ul>
              {channelsOf(route, number).map((channel) => (
                <RouteChannel
                  key={channel}
                  channel={channel}
                  isUsed={number === route.stage && channel === route.channel}
                  passedOver={
                    number === route.stage
                      ? route.passedOver.find((each) => each.channel === channel)
                      : undefined
                  }
                />
              ))}
            </ul>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** The channels of a stage in their order. Those of the recipient's own order are known only as far as they were tried. */
function channelsOf(route: Route, number: number): readonly Channel[] {
  const via = route.stages[number]?.via ?? [];
  if (via !== "preferred") return via;
  if (number !== route.stage) return [];
  return [...route.passedOver.map(({ channel }) => channel), route.channel];
}

function RouteChannel({
  channel,
  isUsed,
  passedOver,
}: {
  channel: Channel;
  isUsed: boolean;
  passedOver: Route["passedOver"][number] | undefined;
}) {
  return (
    <li className={passedOver ? styles.passed : undefined}>
      <Icon name={channel} />
      {channelWords[channel]}
      {isUsed && (
        <span className={styles.used}>
          <Icon name="check" size={14} /> chosen
        </span>
      )}
      {passedOver && (
        <span>
          passed over: {passedOverWords[passedOver.why]}
          {passedOver.since !== null && (
            <>
              {" since "}
              <Instant at={passedOver.since} />
            </>
          )}
        </span>
      )}
    </li>
  );
}
