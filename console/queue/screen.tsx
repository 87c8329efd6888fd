import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Reason } from "../../domain/delivery/reasons.ts";
import { priorities, type Priority } from "../../domain/priority.ts";
import { queuesQuery } from "./queries.ts";
import type { DeliverySearch } from "../deliveries/search.ts";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Empty, Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { formatCount } from "../words/numbers.ts";
import { wordsOfReason } from "../words/reasons.ts";
import { priorityWords } from "../words/statuses.ts";
import { type Cell, heatOf, type Line, toMatrix } from "./matrix.ts";
import styles from "./screen.module.css";

/** What waits, by reason and priority. Each number for a reason is a link to the deliveries that it counts. */
export function QueueScreen() {
  const { data, error, refetch } = useQuery(queuesQuery);
  const lines = data ? toMatrix(data.items) : [];
  return (
    <Page title="Queue" documentTitle="Queue">
      <Panel
        title="What waits, and why"
        isFlush
        {...(data && {
          aside: (
            <span className="figures muted">
              {formatCount(data.total.waiting)} waiting, {formatCount(data.total.due)} due,{" "}
              {formatCount(data.total.sending)} being sent
            </span>
          ),
        })}
      >
        {data ? (
          <>
            {error && <ProblemBanner error={error} retry={() => void refetch()} />}
            {lines.length === 0 ? (
              <Empty icon="check" title="Nothing waits">
                Every delivery has been sent, or has ended in another way.
              </Empty>
            ) : (
              <Matrix lines={lines} />
            )}
          </>
        ) : error ? (
          <Failed what="the queue" error={error} retry={() => void refetch()} />
        ) : (
          <Loading what="the queue" />
        )}
      </Panel>
    </Page>
  );
}

function Matrix({ lines }: { lines: readonly Line[] }) {
  const zone = useZone();
  const largest = Math.max(
    ...lines.flatMap(({ cells }) => priorities.map((priority) => cells[priority].waiting)),
  );
  return (
    <div className={table.scroll}>
      <table className={table.table}>
        <thead>
          <tr>
            <th>Reason</th>
            {priorities.map((priority) => (
              <th key={priority} className={table.number}>
                {priorityWords[priority]}
              </th>
            ))}
            <th className={table.number}>All</th>
            <th className={`${table.number} ${table.wide}`}>Due now</th>
            <th className={table.wide}>Next due ({zone})</th>
          </tr>
        </thead>
        <tbody>
          {lines.map(({ reason, cells, total, nextDueAt }) => (
            <tr key={reason ?? "turn"}>
              <th scope="row" className={styles.reason}>
                {reason === null ? "Its time or its turn" : wordsOfReason(reason)}
              </th>
              {priorities.map((priority) => (
                <td
                  key={priority}
                  className={`${table.number} ${styles.cell}`}
                  data-heat={heatOf(cells[priority].waiting, largest)}
                >
                  <CountLink cell={cells[priority]} search={filterBy(reason)} priority={priority} />
                </td>
              ))}
              <td className={table.number}>
                <CountLink cell={total} search={filterBy(reason)} />
              </td>
              <td className={`${table.number} ${table.wide}`}>
                {total.due > 0 ? formatCount(total.due) : <span className="muted">0</span>}
              </td>
              <td className={table.wide}>
                {nextDueAt !== null && <ShortInstant at={nextDueAt} />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The filters for what waits for a reason. Null without one: the list cannot be filtered by the absence of a reason. */
const filterBy = (reason: string | null): DeliverySearch | null =>
  reason === null ? null : { status: ["pending"], reason: [reason as Reason] };

function CountLink({
  cell,
  search,
  priority,
}: {
  cell: Cell;
  search: DeliverySearch | null;
  priority?: Priority;
}) {
  if (cell.waiting === 0) return <span className="muted">·</span>;
  if (search === null) return formatCount(cell.waiting);
  return (
    <Link
      to="/deliveries"
      search={{ ...search, ...(priority && { priority: [priority] }) }}
      title={`${formatCount(cell.due)} of them due now`}
    >
      {formatCount(cell.waiting)}
    </Link>
  );
}
