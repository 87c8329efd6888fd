import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Icon } from "../parts/icon.tsx";
import { Instant } from "../parts/instant.tsx";
import { formatNoun } from "../words/numbers.ts";
import { type Campaign, campaignQuery, campaignsQuery, progressQuery } from "./queries.ts";
import { CampaignChip } from "./status.tsx";
import styles from "./campaign-notes.module.css";

interface CampaignNotesProps {
  campaign: Campaign;
  /** Whether the recall is shown, which says itself what these notes lead to. */
  isAtRecall: boolean;
}

/** What an operator has to know about a campaign before anything else, and what to do about it. */
export function CampaignNotes({ campaign, isAtRecall }: CampaignNotesProps) {
  const { id, pauseDetail, recalledAt, finishedAt, corrects } = campaign;
  return (
    <>
      {pauseDetail !== null && (
        <Note>
          <p>
            <strong>Tidings paused it</strong>, because a provider refused many of its messages in a
            row. Its last answer was:
          </p>
          <blockquote>{pauseDetail}</blockquote>
          <p>
            If the answer is about the message or the sender, edit the campaign. If it is about the
            provider, wait or correct its configuration. Then resume: nobody gets the message twice.
            The refused ones are among the <Failures id={id} />, which can be retried.
          </p>
        </Note>
      )}
      {recalledAt !== null && !isAtRecall && (
        <Note>
          <p>
            <strong>It was recalled</strong> at <Instant at={recalledAt} />.{" "}
            <Link to="/campaigns/$id" params={{ id }} search={{ tab: "recall" }}>
              See who received it
            </Link>
            , and send them a correction.
          </p>
        </Note>
      )}
      {corrects !== null && <Corrected id={corrects} />}
      {finishedAt !== null && <Corrections id={id} />}
      {campaign.status === "completed" && !isAtRecall && <Shortfall campaign={campaign} />}
    </>
  );
}

function Note({ children }: { children: ReactNode }) {
  return (
    <div className={styles.note} role="note">
      <Icon name="warning" />
      <div>{children}</div>
    </div>
  );
}

/** Names the campaign that this one corrects. */
function Corrected({ id }: { id: string }) {
  const { data } = useQuery(campaignQuery(id));
  return (
    <Note>
      <p>
        <strong>It is a correction</strong> of{" "}
        <Link to="/campaigns/$id" params={{ id }}>
          {data?.name ?? "another campaign"}
        </Link>
        .
      </p>
    </Note>
  );
}

/** Names the corrections of a campaign, which exist only once it has finished. */
function Corrections({ id }: { id: string }) {
  const { data } = useQuery(campaignsQuery({ corrects: id, limit: "50" }));
  if (!data || data.items.length === 0) return null;
  return (
    <Note>
      <p>
        <strong>{data.items.length === 1 ? "It has a correction" : "It has corrections"}</strong>
        {data.items.length > 1 && ", the newest first"}:
      </p>
      <ul className={styles.corrections}>
        {data.items.map(({ id: correction, name, status }) => (
          <li key={correction}>
            <Link to="/campaigns/$id" params={{ id: correction }}>
              {name}
            </Link>
            <CampaignChip status={status} />
          </li>
        ))}
      </ul>
    </Note>
  );
}

const Failures = ({ id }: { id: string }) => (
  <Link to="/deliveries" search={{ source: id, status: ["failed"] }}>
    failed deliveries
  </Link>
);

/** What a completed campaign has not achieved. */
function Shortfall({ campaign: { id } }: { campaign: Campaign }) {
  const { data } = useQuery(progressQuery(id));
  if (!data || data.counts.failed + data.counts.unknown === 0) return null;
  const { failed, unknown } = data.counts;
  return (
    <Note>
      {failed > 0 && (
        <p>
          <strong>{formatNoun(failed, "delivery has", "deliveries have")} failed.</strong> The{" "}
          <Failures id={id} /> name the answer of the provider. Retry those whose cause is gone, or{" "}
          <Link to="/campaigns/$id" params={{ id }} search={{ tab: "recall" }}>
            send another message to those that it missed
          </Link>
          .
        </p>
      )}
      {unknown > 0 && (
        <p>
          <strong>
            {formatNoun(unknown, "delivery has", "deliveries have")} an unknown outcome.
          </strong>{" "}
          The provider did not answer in time, so{" "}
          <Link to="/deliveries" search={{ source: id, status: ["unknown"] }}>
            these messages
          </Link>{" "}
          may have arrived. A retry may send them twice.
        </p>
      )}
    </Note>
  );
}
