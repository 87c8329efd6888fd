import { lookup } from "node:dns/promises";
import { createLimiter } from "../concurrency-limit.ts";

/** Resolves a host name to all its addresses of both families. Rejects if there are none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** A look-up of the system cannot be stopped and occupies one of Node.js's four threads for files and names. Two remain free. */
const lookupsAtOnce = 2;

/** Resolves names as every program on this machine does, with its hosts file and search domains. Look-ups of one name are joined. */
export function createSystemResolver(): Resolve {
  const limit = createLimiter(lookupsAtOnce);
  const running = new Map<string, Promise<readonly string[]>>();
  return (host) => {
    const known = running.get(host);
    if (known) return known;
    const addresses = limit(async () =>
      (await lookup(host, { all: true })).map(({ address }) => address),
    ).finally(() => running.delete(host));
    running.set(host, addresses);
    return addresses;
  };
}
