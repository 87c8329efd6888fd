import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Instant } from "../parts/instant.tsx";
import { List } from "../parts/list.tsx";
import { Panel } from "../parts/page.tsx";
import { ShortId } from "../parts/short-id.tsx";
import { Empty } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { toWords } from "../words/statuses.ts";
import { eventsQuery } from "./queries.ts";

/** What the recipient did with messages. */
export function EventsTab({ id, cursor }: { id: string; cursor: string | undefined }) {
  const navigate = useNavigate({ from: "/recipients/$id" });
  const query = useQuery({
    ...eventsQuery(id, cursor),
    placeholderData: keepPreviousData,
  });
  return (
    <Panel title="Events" isFlush>
      <List
        what="the events"
        query={query}
        cursor={cursor}
        onTurn={(next) => void navigate({ search: (before) => ({ ...before, cursor: next }) })}
        empty={
          <Empty icon="clock" title="No events">
            Nothing is known of what the recipient did with messages: opening one, completing or
            snoozing it by a link, reading it in their inbox, or unsubscribing.
          </Empty>
        }
      >
        {({ items }) => (
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
                {items.map((event) => (
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
        )}
      </List>
    </Panel>
  );
}
