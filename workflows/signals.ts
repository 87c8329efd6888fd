import { defineSignal } from "@temporalio/workflow";

/** The cause of a wake. It is only for logs and traces, and decides nothing. */
export interface Wake {
  /** The API request whose change caused the wake; the last one if several share it. */
  requestId?: string;
}

/**
 * Tells a `deliveryQueue` or a `campaign` that the ledger has changed, so that it looks again. Sent after the change is
 * committed. Signals of earlier versions have no argument.
 */
export const wakeSignal = defineSignal<[Wake?]>("wake");

/** Sent by a lane's `deliveryQueue` to its `campaign` when it has nothing more to wait for. */
export const laneDrainedSignal = defineSignal<[{ lane: number }]>("laneDrained");
