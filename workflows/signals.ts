import { defineSignal } from "@temporalio/workflow";

/** Why somebody was woken. Nothing decides by it: it is for logs and traces. */
export interface Wake {
  /** Of the API request whose change is to be looked at; of the last one where several are woken for at once. */
  requestId?: string;
}

/**
 * "The ledger changed: look again." To a `deliveryQueue`, a `campaign`, from whoever committed the change. What was sent
 * before wakes told why has no argument.
 */
export const wakeSignal = defineSignal<[Wake?]>("wake");

/** From a lane's `deliveryQueue` to its `campaign`: it has nothing more to wait for. */
export const laneDrainedSignal = defineSignal<[{ lane: number }]>("laneDrained");
