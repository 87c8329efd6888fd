import type { Job, Loss, Verdict } from "./smtp-job.ts";
import { judgeLoss, judgeRefusal, type Refusal } from "./smtp-verdicts.ts";

/** Who gives a session its work and hears what became of it. */
export interface SessionOwner<Session> {
  /** The next mail for a session, which is new or has carried others, its message made; undefined if none waits. */
  take(isNew: boolean): Job | undefined;
  settle(job: Job, verdict: Verdict): void;
  /** The server surely has not got the whole of it: it may go over another connection, or over a new one only. */
  giveBack(job: Job, loss: Loss, needsNew?: boolean): void;
  /** Nothing of it was handed over, and others may take it sooner. */
  turnAway(job: Job): void;
  /** It takes so many mails over one connection; `null`: as many as come. */
  readonly mailsPerConnection: number | null;
  /** It will take no more work. What it held was settled or given back. */
  ended(session: Session): void;
}

type Work = Pick<SessionOwner<never>, "take" | "settle" | "giveBack">;

/** The next mail that the server can take at all. */
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
 * Ends what the end of its connection caught under way. `refusal` is the reply that had refused it before; `overdue` is the job for
 * whose sake the connection was ended: it is not given back.
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
  if (refusal) owner.settle(job, judgeRefusal(refusal));
  else if (job.dotWritten) owner.settle(job, judgeLoss(loss, "unknown"));
  else if (job === overdue) owner.settle(job, judgeLoss(loss));
  else owner.giveBack(job, loss, needsNew);
}
