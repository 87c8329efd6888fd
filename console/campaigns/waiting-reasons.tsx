import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Reason } from "../../domain/delivery/reasons.ts";
import { type Campaign, waitingQuery } from "./queries.ts";
import { Instant } from "../parts/instant.tsx";
import { Panel } from "../parts/page.tsx";
import { Empty, Failed, Loading } from "../parts/states.tsx";
import { formatCount } from "../words/numbers.ts";
import { wordsOfReason } from "../words/reasons.ts";
import styles from "./waiting-reasons.module.css";

/** What of a campaign waits, for what, and until when. */
export function WaitingReasons({ campaign: { id, status } }: { campaign: Campaign }) {
  const { data, error, refetch } = useQuery(waitingQuery(id));
  const groups = data?.items.filter(({ waiting }) => waiting > 0) ?? [];
  return (
    <Panel
      title="What waits, and why"
      {...(data && {
        aside: (
          <span className="figures muted">
            {formatCount(data.total.waiting)} waiting, {formatCount(data.total.sending)} being sent
          </span>
        ),
      })}
    >
      {data ? (
        groups.length === 0 ? (
          <Empty icon="check" title="Nothing waits">
            Every delivery has been handed over, or has ended in another way.
          </Empty>
        ) : (
          <ul className={styles.reasons}>
            {groups.map(({ reason = null, waiting, due, nextDueAt }) => (
              <li key={reason ?? "turn"}>
                <Link
                  className="figures"
                  to="/deliveries"
                  search={{
                    source: id,
                    status: ["pending"],
                    ...(reason !== null && { reason: [reason as Reason] }),
                  }}
                >
                  {formatCount(waiting)}
                </Link>
                <span>
                  <strong>
                    {reason !== null
                      ? wordsOfReason(reason)
                      : status === "paused"
                        ? "Until the campaign is resumed"
                        : "Their turn"}
                  </strong>
                  <span className="muted">
                    {due > 0 && ` · ${formatCount(due)} due now`}
                    {nextDueAt !== null && (
                      <>
                        {due > 0 ? ", the next until " : " · until "}
                        <Instant at={nextDueAt} />
                        {waiting - due > 1 && " or later"}
                      </>
                    )}
                  </span>
                </span>
              </li>
            ))}
          </ul>
        )
      ) : error ? (
        <Failed what="what waits" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="what waits" rows={2} />
      )}
    </Panel>
  );
}
