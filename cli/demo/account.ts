import type { DeliveryStatus } from "../../domain/delivery/status.ts";

/** What the account needs to know of a delivery. */
export interface AccountedDelivery {
  id: string;
  leg: string;
  channel: string;
  status: DeliveryStatus;
  reason: string | null;
}

/** The account of one channel. Each number counts deliveries, except `duplicated`, which counts messages. */
export interface ChannelAccount {
  channel: string;
  /** Deliveries that were neither suppressed nor cancelled. Each of them has one channel: the one that it is, or was, sent by. */
  owed: number;
  /** Later stages of routes, which wait for their time. */
  waiting: number;
  /** Sent in the ledger, which includes delivered. */
  sent: number;
  /** Sent in the ledger, but unknown to the witness. */
  lost: number;
  /** Messages that the witness has beyond the first one of each delivery that was sent by this channel. */
  duplicated: number;
}

/** Whether a delivery is a later stage of a route that waits for its time, or for an earlier stage. */
export const awaitsStage = ({ leg, status, reason }: AccountedDelivery): boolean =>
  leg !== "primary" && status === "pending" && reason === "earlier_stage";

/** Whether a delivery is a later stage of a route that an earlier stage has made unnecessary. */
export const wasLeftOut = ({ status, reason }: AccountedDelivery): boolean =>
  status === "suppressed" && reason === "already_reached";

const isSent = ({ status }: AccountedDelivery) => status === "sent" || status === "delivered";

/** Counts the deliveries of a channel as the ledger has them. */
export function countOnChannel(
  channel: string,
  deliveries: readonly AccountedDelivery[],
): Pick<ChannelAccount, "owed" | "waiting" | "sent"> {
  const mine = deliveries.filter((one) => one.channel === channel);
  return {
    owed: mine.filter(({ status }) => status !== "suppressed" && status !== "cancelled").length,
    waiting: mine.filter(awaitsStage).length,
    sent: mine.filter(isSent).length,
  };
}

/**
 * Judges a channel by its witness.
 * @param witnessed the id of the delivery of each message that has arrived
 */
export function judgeChannel(
  channel: string,
  deliveries: readonly AccountedDelivery[],
  witnessed: readonly string[],
): ChannelAccount {
  const arrived = new Set(witnessed);
  const sent = deliveries.filter((one) => one.channel === channel && isSent(one));
  const found = sent.filter(({ id }) => arrived.has(id)).length;
  return {
    channel,
    ...countOnChannel(channel, deliveries),
    lost: sent.length - found,
    duplicated: witnessed.length - found,
  };
}
