import { mailboxFault, parseMailbox } from "../../../domain/address.ts";
import { responseLimit } from "../../../domain/delivery/attempt.ts";
import { SealedValueError } from "../../../domain/sealer.ts";
import { cutText } from "../../../domain/text.ts";
import type { Copy, CopyOutcome, EmailExtras } from "../../../ledger/notification-emails.ts";
import type { SendResult } from "../channel.ts";
import type { Additions } from "./compose.ts";
import { MissingAttachment, type SharedFiles } from "./shared-files.ts";

/** The files of messages with attachments. */
export type AttachmentFiles = Pick<SharedFiles, "use">;

/** How long a message is held whose files cannot be read now. */
const holdMs = 30_000;

/** A message's attachments, in memory until they are released, and its copies. */
export interface Prepared {
  additions: Additions;
  /** The encoded attachments; undefined without any. */
  tail?: Buffer;
  /** The mailboxes that receive copies. */
  addresses: readonly string[];
  /** The copies to these mailboxes, in the same order. */
  sent: readonly Copy[];
  /** What became of the other copies: nothing is sent to them. */
  left: readonly CopyOutcome[];
  /** For each mailbox the answer by which the last provider refused it; null if that accepted it. */
  refusals: readonly (string | null)[];
  release(): void;
}

/** Reads the files of a message and chooses the addresses of its copies. A message whose files cannot be read is not sent. */
export async function prepareExtras(
  { attachments, copies }: EmailExtras,
  files: AttachmentFiles | undefined,
  now: number,
): Promise<Prepared | { result: SendResult }> {
  const usable = copies.filter(
    ({ suppression, address }) => suppression === null && mailboxFault(address) === null,
  );
  const chosen = {
    addresses: usable.map(({ address }) => parseMailbox(address)!.address),
    sent: usable,
    left: copies
      .filter((copy) => !usable.includes(copy))
      .map(({ position, suppression }): CopyOutcome => {
        if (suppression !== null) return { position, status: "suppressed", detail: suppression };
        return { position, status: "refused", detail: "not an address that mail can be sent to" };
      }),
    refusals: [],
  };
  const cc = usable.flatMap(({ kind }, index) => (kind === "cc" ? chosen.addresses[index]! : []));
  if (attachments.length === 0)
    return { ...chosen, additions: { cc, boundary: null }, release: () => {} };
  if (!files) return { result: holdUntil(now + holdMs) };
  try {
    const { boundary, tail, release } = await files.use(attachments);
    return { ...chosen, additions: { cc, boundary }, tail, release };
  } catch (error) {
    if (error instanceof MissingAttachment)
      return { result: { kind: "unsendable", reason: "template_error", detail: error.message } };
    // Without the keys nothing can be opened, and the database may be away: either may be back.
    if (error instanceof SealedValueError) return { result: holdUntil(now + 2 * holdMs) };
    return { result: holdUntil(now + holdMs) };
  }
}

const holdUntil = (ms: number): SendResult => ({
  kind: "held",
  reason: "rendering",
  until: new Date(ms),
});

/** Says what became of the copies of a message. Nothing did, if the message was not sent. */
export function outcomesOfCopies(
  { sent, left, refusals }: Prepared,
  { attempts }: SendResult & { kind: "attempted" },
): CopyOutcome[] {
  const outcome = attempts.at(-1)?.outcome;
  if (outcome !== "sent" && outcome !== "unknown") return [];
  return [
    ...left,
    ...sent.map(({ position }, index): CopyOutcome => {
      const refusal = refusals[index] ?? null;
      return refusal === null
        ? { position, status: outcome, detail: null }
        : { position, status: "refused", detail: cutText(refusal, responseLimit) };
    }),
  ];
}
