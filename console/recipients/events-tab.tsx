import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Instant } from "../parts/instant.tsx";
import { Panel } from "../parts/page.tsx";
import { Pages } from "../parts/pages.tsx";
import { ShortId } from "../parts/short-id.tsx";
import { Empty, Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { toWords } from "../words/statuses.ts";
import { eventsQuery } from "./queries.ts";

/** What the recipient did with messages. */
export function EventsTab({ id, cursor }: { id: string; cursor: string | undefined }) {
  const navigate = useNavigate({ from: "/recipients/$id" });
  const { data, error, refetch, isPlaceholderData } = useQuery({
    ...eventsQuery(id, cursor),
    placeholderData: keepPreviousData,
  });
  const retry = () => void refetch();
  return (
    <Panel title="Events" isFlush>
      {data ? (
        <>
          {error && <ProblemBanner error={error} retry={retry} />}
          {data.items.length > 0 ? (
            <div className={table.scroll}>
              <table className={table.table} aria-label="Events of the recipient">
                <thead>
                  <tr>
                    <th>Event</th>
                    <th>Delivery</th>
                    <th className={table.wide}>Reference of the sender</th>
                    <th>At</th>
                  </tr>
                </thead>
                <tbody>
                  {data.items.map((event) => (
                    <tr key={event.id}>
                      <td>
                        {toWords(event.kind)}
                        {event.type !== null && <span className="muted"> · {event.type}</span>}
                        {event.automated && <span className="muted"> · by a program</span>}
                        {event.until !== null && (
                          <span className="muted">
                            {" "}
                            · until <Instant at={event.until} />
                          </span>
                        )}
                      </td>
                      <td>{event.delivery !== null && <ShortId id={event.delivery} />}</td>
                      <td className={table.wide}>{event.entityId}</td>
                      <td>
                        <Instant at={event.at} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : (
            <Empty icon="clock" title="No events">
              Nothing is known of what the recipient did with messages: opening one, completing or
              snoozing it by a link, reading it in their inbox, or unsubscribing.
            </Empty>
          )}
          <Pages
            shown={data.items.length}
            isFirst={cursor === undefined}
            nextCursor={data.nextCursor}
            isStale={isPlaceholderData}
            onTurn={(next) => void navigate({ search: (before) => ({ ...before, cursor: next }) })}
          />
        </>
      ) : error ? (
        <Failed what="the events" error={error} retry={retry} />
      ) : (
        <Loading what="the events" />
      )}
    </Panel>
  );
}
