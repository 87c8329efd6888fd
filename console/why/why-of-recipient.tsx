import { queryOptions, skipToken, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { RecipientSearch } from "../parts/recipient-search.tsx";
import { Icon } from "../parts/icon.tsx";
import { ShortId } from "../parts/short-id.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import { StatusChip } from "../parts/status-chip.tsx";
import { describeFilter } from "../words/audiences.ts";
import styles from "./why-of-recipient.module.css";

interface WhyOfRecipientProps {
  /** The notification or campaign: ntf_… or cmp_… */
  source: string;
  /** The recipient whom it is about: rcp_… */
  recipient: string | undefined;
  onChoose: (recipient: string | undefined) => void;
}

const explanationsQuery = (source: string, recipient: string | undefined) =>
  queryOptions({
    queryKey: ["explanation", source, recipient],
    queryFn:
      recipient === undefined
        ? skipToken
        : ({ signal }) =>
            answerOf(
              api.v1.explanations.$get({ query: { source, recipient } }, { init: { signal } }),
            ),
  });

/** Explains why a recipient got the message of a source or not: every delivery of theirs, or why there is none. */
export function WhyOfRecipient({ source, recipient, onChoose }: WhyOfRecipientProps) {
  const { data, error, refetch, isFetching } = useQuery(explanationsQuery(source, recipient));
  return (
    <div className={styles.box}>
      <RecipientSearch label="Recipient" onChoose={onChoose} />
      {recipient !== undefined && (
        <p className={styles.chosen}>
          <Icon name="person" size={14} />
          <ShortId id={recipient} />
          <button type="button" onClick={() => onChoose(undefined)}>
            Ask about somebody else
          </button>
        </p>
      )}
      {recipient !== undefined &&
        (data ? (
          <div aria-busy={isFetching} className={styles.answer}>
            {data.stages.length === 0 && <p className={styles.summary}>{data.summary}</p>}
            <ol className={styles.deliveries}>
              {data.stages.map(({ delivery, status, summary, route }) => (
                <li key={delivery}>
                  <div className={styles.line}>
                    <StatusChip status={status} />
                    {route && <span className="muted">Stage {route.stage + 1}</span>}
                    <Link
                      to="."
                      search={(before) => ({ ...before, why: delivery, peek: undefined }) as never}
                    >
                      Why, rule by rule
                    </Link>
                  </div>
                  <p>{summary}</p>
                </li>
              ))}
            </ol>
            {data.audience && <AudienceParts audience={data.audience} />}
          </div>
        ) : error ? (
          <Failed what="the explanation" error={error} retry={() => void refetch()} />
        ) : (
          <Loading what="the explanation" rows={2} />
        ))}
    </div>
  );
}

type Audience = NonNullable<AnswerOf<typeof api.v1.explanations.$get>["audience"]>;

/** What a part of the audience requires of a recipient. */
const requirements: Record<Audience["parts"][number]["part"], string> = {
  include: "In one of the segments: ",
  where: "",
  exclude: "Not in the segment: ",
};

/** The conditions of the audience, each ticked or crossed for the recipient as they are now. */
function AudienceParts({ audience: { parts } }: { audience: Audience }) {
  if (parts.length === 0)
    return <p className="muted">The audience has no conditions: it is everybody.</p>;
  return (
    <ul className={styles.parts} aria-label="The conditions of the audience, as things stand now">
      {parts.map(({ part, segment, filter, keepsOut }, index) => (
        <li key={index} data-out={keepsOut}>
          <Icon name={keepsOut ? "close" : "check"} size={14} />
          <span>
            <span className="hidden-text">{keepsOut ? "Keeps them out: " : "Fulfilled: "}</span>
            {requirements[part]}
            {segment !== null && (
              <>
                <strong>{segment}</strong>,{" "}
              </>
            )}
            <span className={segment === null ? undefined : "muted"}>
              {describeFilter(filter as Parameters<typeof describeFilter>[0])}
            </span>
          </span>
        </li>
      ))}
    </ul>
  );
}
