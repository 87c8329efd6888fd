import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { attemptOutcomes } from "../../domain/webhook-endpoint.ts";
import { Choice, Filters } from "../parts/filters.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Empty, FilteredToNothing } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { omitUndefined } from "../shell/url.ts";
import { formatCount } from "../words/numbers.ts";
import { ListPanel } from "./list-panel.tsx";
import styles from "./settings.module.css";
import { attemptsQuery, type WebhookAttempt } from "./webhook-queries.ts";
import { OutcomeChip, outcomeWords } from "./webhook-words.tsx";

/** The log of the requests to an endpoint. */
export function EndpointAttempts({ id }: { id: string }) {
  const { cursor, outcome } = useSearch({ from: "/settings" });
  const navigate = useNavigate({ from: "/settings" });
  const page = useQuery({
    ...attemptsQuery(id, omitUndefined({ cursor, outcome: outcome?.join(",") })),
    placeholderData: keepPreviousData,
  });
  const choose = (chosen: typeof outcome) =>
    void navigate({
      search: (before) => ({
        ...before,
        cursor: undefined,
        outcome: chosen?.length ? chosen : undefined,
      }),
    });
  return (
    <>
      <div className={styles.requests}>
        <h2 className={styles.heading}>Requests</h2>
        <Filters isAny={outcome !== undefined} onClear={() => choose(undefined)}>
          <Choice
            name="Outcome"
            values={attemptOutcomes}
            words={(each) => outcomeWords[each]}
            chosen={outcome ?? []}
            onChange={choose}
          />
        </Filters>
      </div>
      <ListPanel
        page={page}
        what="the requests"
        empty={
          outcome === undefined ? (
            <Empty icon="send" title="No requests yet">
              Each request with events, and what came of it, is listed here. Send a test to see one.
            </Empty>
          ) : (
            <FilteredToNothing what="requests" onClear={() => choose(undefined)} />
          )
        }
      >
        {(attempts) => <AttemptTable attempts={attempts} />}
      </ListPanel>
    </>
  );
}

function AttemptTable({ attempts }: { attempts: readonly WebhookAttempt[] }) {
  const zone = useZone();
  return (
    <div className={table.scroll}>
      <table className={table.table}>
        <thead>
          <tr>
            <th>At ({zone})</th>
            <th>Outcome</th>
            <th className={`${table.wide} ${table.number}`}>Events</th>
            <th className={`${table.wide} ${table.number}`}>Duration</th>
            <th>Answer</th>
          </tr>
        </thead>
        <tbody>
          {attempts.map(({ id, at, outcome, events, durationMs, detail, answer }) => (
            <tr key={id}>
              <td>
                <ShortInstant at={at} />
              </td>
              <td>
                <OutcomeChip outcome={outcome} />
              </td>
              <td className={`${table.wide} ${table.number}`} title={events.join(", ")}>
                {formatCount(events.length)}
              </td>
              <td className={`${table.wide} ${table.number}`}>{formatCount(durationMs)} ms</td>
              <td>
                {detail}
                {answer !== null && answer !== "" && (
                  <code className={`muted ${styles.answer}`}>{answer}</code>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
