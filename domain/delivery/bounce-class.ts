import type { AttemptFailure } from "./attempt.ts";
import { permanentFailure, refusalSubject } from "./refusal.ts";

/**
 * What a refusal for good shows about the address. `hard`: it does not exist. `full`: its mailbox is full. `soft`: it refuses for another reason, or
 * its server cannot be reached. `block`: the sender, the message or the server is at fault, and never the address.
 */
export type BounceClass = "hard" | "full" | "soft" | "block";

const classes: Partial<Record<AttemptFailure, BounceClass>> = {
  unknown_address: "hard",
  mailbox_full: "full",
  recipient_refused: "soft",
  smtp_5xx: "block",
  sender_refused: "block",
};

/** The class of a failure; null for one that is no refusal for good. */
export const bounceClassOf = (failure: AttemptFailure | null): BounceClass | null =>
  failure === null ? null : (classes[failure] ?? null);

/** Codes of subject 4 by which a server gives up: nobody answers, there is no route, the message runs in circles, or its time is over. */
const unreachable = /^(?:[45]\d\d[ -])?[45]\.4\.[1467]\b/;

/**
 * The failure that a report of an undeliverable message states. It is judged as an answer during the hand-over would be, except that a recipient's server
 * which cannot be reached for days says nothing about us.
 * @param reply the answer in the report, which begins with a code if it has one
 */
export const failureOfReport = (reply: string): AttemptFailure =>
  unreachable.test(reply) ? "recipient_refused" : permanentFailure(refusalSubject("report", reply));
