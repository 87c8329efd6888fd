import { networkOf } from "../../lib/network-of.ts";

const windowMs = 60_000;

/** How many mails to the address of complaints this process takes in a minute: of one network, and of all. */
const presetLimits = { ofNetwork: 60, ofAll: 300 };

/**
 * Creates a function that counts a mail to the address of complaints from the address of a client, and says whether it is taken. Anybody may send such a mail,
 * and each is parsed and searched for a message of ours. A mailbox provider that is refused sends its report again later.
 */
export function createFeedbackLimit({
  limits = presetLimits,
  nowMs = () => performance.now(),
} = {}): (clientAddress: string) => boolean {
  let windowEndsMs = -Infinity;
  let total = 0;
  const counts = new Map<string, number>();
  return (clientAddress) => {
    if (nowMs() >= windowEndsMs) {
      windowEndsMs = nowMs() + windowMs;
      total = 0;
      counts.clear();
    }
    const network = networkOf(clientAddress);
    const count = counts.get(network) ?? 0;
    if (total >= limits.ofAll || count >= limits.ofNetwork) return false;
    total += 1;
    counts.set(network, count + 1);
    return true;
  };
}
