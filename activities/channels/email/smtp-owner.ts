import type { Job, Loss, Verdict } from "./smtp-job.ts";
import { judgeLoss, judgeRefusal, type Refusal } from "./smtp-verdicts.ts";

/** The owner of a session, which gives it mails and receives their outcomes. */
export interface SessionOwner<Session> {
  /** Returns the next mail, its message composed; undefined if none waits. `isNew` means that the session has carried no mail. */
  take(isNew: boolean): Job | undefined;
  settle(job: Job, verdict: Verdict): void;
  /** Takes back a mail that the server certainly has not received in full. It may go over another connection, or only over a new one. */
  giveBack(job: Job, loss: Loss, needsNew?: boolean): void;
  /** Takes back a mail that has not begun, and that another provider may take sooner. */
  turnAway(job: Job): void;
  /** The number of mails that a connection may carry; `null` if there is no limit. */
  readonly mailsPerConnection: number | null;
  /** Notes that the session takes no more mails. Those that it held were settled or given back. */
  noteEnd(session: Session): void;
}

type Work = Pick<SessionOwner<never>, "take" | "settle" | "giveBack">;

/** Takes the next mail that the server supports, and settles those that it does not. */
export function takeSupported(
  owner: Work,
  { smtpUtf8, isNew }: { smtpUtf8: boolean; isNew: boolean },
): Job | undefined {
  for (;;) {
    const job = owner.take(isNew);
    if (!job?.mail.smtpUtf8 || smtpUtf8) return job;
    owner.settle(job, {
      outcome: "permanent",
      failure: "smtp_5xx",
      response: "the server does not take addresses beyond ASCII (no SMTPUTF8)",
      signal: "nothing",
      unsupported: true,
    });
  }
}

/**
 * Settles or gives back a mail that was under way when its connection ended. `refusal` is the reply that had refused it before.
 * `overdue` is the job that caused the end of the connection. It is not given back.
 */
export function settleLost(
  owner: Work,
  job: Job,
  {
    refusal,
    loss,
    overdue,
    needsNew,
  }: { refusal: Refusal | null; loss: Loss; overdue: Job | undefined; needsNew: boolean },
): void {
  if (refusal) owner.settle(job, judgeRefusal(refusal, job.mail));
  else if (job.dotWritten) owner.settle(job, judgeLoss(loss, "unknown"));
  else if (job === overdue) owner.settle(job, judgeLoss(loss));
  else owner.giveBack(job, loss, needsNew);
}
