import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import type { Channel } from "../../domain/channel.ts";
import { deliveriesQuery, type Delivery } from "../deliveries/queries.ts";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { List } from "../parts/list.tsx";
import { Panel } from "../parts/page.tsx";
import { useRowKeys } from "../parts/row-keys.ts";
import { Empty } from "../parts/states.tsx";
import { StatusChip } from "../parts/status-chip.tsx";
import table from "../parts/table.module.css";
import { wordsOfReason } from "../words/reasons.ts";
import { channelWords, priorityWords } from "../words/statuses.ts";
import { WhyButton } from "./timeline-list.tsx";

/** The deliveries of the recipient, each with its reasons one key away. */
export function DeliveriesTab({ id, cursor }: { id: string; cursor: string | undefined }) {
  const navigate = useNavigate({ from: "/recipients/$id" });
  const query = useQuery({
    ...deliveriesQuery({ recipient: id, cursor }),
    placeholderData: keepPreviousData,
  });
  return (
    <Panel
      title="Deliveries"
      aside={
        <Link to="/deliveries" search={{ recipient: id }}>
          Filter and change them
        </Link>
      }
      isFlush
    >
      <List
        what="the deliveries"
        query={query}
        cursor={cursor}
        rows={10}
        onTurn={(next) => void navigate({ search: (before) => ({ ...before, cursor: next }) })}
        empty={
          <Empty icon="deliveries" title="No deliveries">
            Nothing was ever owed to this recipient, or its retention has ended.
          </Empty>
        }
      >
        {({ items }) => <DeliveryRows deliveries={items} />}
      </List>
    </Panel>
  );
}

function DeliveryRows({ deliveries }: { deliveries: readonly Delivery[] }) {
  const navigate = useNavigate();
  const zone = useZone();
  const show = (view: "why" | "peek", id: string) =>
    void navigate({
      to: ".",
      search: (before) => ({ ...before, why: undefined, peek: undefined, [view]: id }) as never,
    });
  const { propsOf } = useRowKeys({
    ids: deliveries.map(({ id }) => id),
    keys: {
      w: (id) => show("why", id),
      o: (id) => void navigate({ to: "/deliveries/$id", params: { id } }),
    },
  });
  return (
    <div className={table.scroll}>
      <table className={table.table} aria-label="Deliveries of the recipient">
        <thead>
          <tr>
            <th>Status</th>
            <th>Reason</th>
            <th className={table.wide}>Type</th>
            <th className={table.wide}>Channel</th>
            <th className={table.wide}>Priority</th>
            <th>Due or ended ({zone})</th>
            <th>
              <span className="hidden-text">Why</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {deliveries.map(({ id, status, reason, type, channel, priority, finishedAt, dueAt }) => {
            const at = finishedAt ?? dueAt;
            return (
              <tr
                key={id}
                {...propsOf(id)}
                onKeyDown={({ key, target, currentTarget }) => {
                  if (key === "Enter" && target === currentTarget) show("peek", id);
                }}
              >
                <td>
                  <StatusChip status={status} />
                </td>
                <td>
                  {reason === null ? <span className="muted">–</span> : wordsOfReason(reason)}
                </td>
                <td className={table.wide}>{type ?? <span className="muted">none</span>}</td>
                <td className={table.wide}>{channelWords[channel as Channel]}</td>
                <td className={table.wide}>{priorityWords[priority]}</td>
                <td>{at !== null && <ShortInstant at={at} />}</td>
                <td>
                  <WhyButton id={id} onShow={() => show("why", id)} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
