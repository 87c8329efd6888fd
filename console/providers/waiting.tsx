import type { UseQueryResult } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { AnswerOf } from "tidings/client";
import type { Channel } from "../../domain/channel.ts";
import type { api } from "../api/client.ts";
import { formatCount, formatNoun } from "../words/numbers.ts";

interface WaitingProps {
  channel: Channel;
  query: UseQueryResult<AnswerOf<typeof api.v1.queues.$get>>;
}

/** How many deliveries wait on a channel, as a link to them. */
export function Waiting({ channel, query: { data, error } }: WaitingProps) {
  if (!data)
    return (
      <p role="status" className="muted">
        {error ? "How many wait could not be read." : "Counting what waits…"}
      </p>
    );
  const group = data.items.find((item) => item.channel === channel);
  const [waiting, due] = [group?.waiting ?? 0, group?.due ?? 0];
  return (
    <p role="status">
      <Link to="/deliveries" search={{ status: ["pending"], channel: [channel] }}>
        {formatNoun(waiting, "delivery waits", "deliveries wait")}
      </Link>{" "}
      on this channel, {formatCount(due)} of them due now.
    </p>
  );
}
