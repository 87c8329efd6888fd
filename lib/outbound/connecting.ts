import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { withTimeout } from "../timeout.ts";
import { judgeAddress } from "./addresses.ts";
import { notSent, refused, type NotSent, type Refused } from "./outcome.ts";
import type { Resolve } from "./resolving.ts";
import type { OutboundRules, Target } from "./target.ts";

/** Why there is no connection. */
export class ConnectionFault extends Error {
  override name = "ConnectionFault";
  readonly outcome: Refused | NotSent;
  constructor(outcome: Refused | NotSent) {
    super(outcome.detail);
    this.outcome = outcome;
  }
}

export interface ConnectingOptions {
  rules: OutboundRules;
  resolve: Resolve;
  /** Time for names, TCP and TLS together, in milliseconds. */
  connectMs: number;
  /** Certificates to trust instead of those of Node.js. */
  ca?: string;
}

/** A host may have many addresses that do not answer. */
const maxAddressesTried = 4;

/** Resolves the host and returns its addresses if every one of them is allowed; throws a `ConnectionFault` otherwise. */
export async function findAllowedAddresses(
  { host, isSecure }: Pick<Target, "host" | "isSecure">,
  { rules, resolve }: Pick<ConnectingOptions, "rules" | "resolve">,
): Promise<readonly string[]> {
  const addresses = isIP(host) ? [host] : await resolve(host).catch(() => []);
  if (addresses.length === 0) throw new ConnectionFault(notSent("name"));
  for (const address of addresses) {
    const verdict = judgeAddress(address, rules.privateSubnets);
    if (verdict === "metadata") throw new ConnectionFault(refused("metadata", address));
    if (verdict === "special") throw new ConnectionFault(refused("address", address));
    if (verdict === "public" && !isSecure && !rules.plain)
      throw new ConnectionFault(refused("plain", address));
  }
  return addresses;
}

/**
 * Opens a connection to the very address that was checked: the name is resolved once, and neither Node.js nor the HTTP library resolves
 * it again. Rejects with a `ConnectionFault`.
 */
export async function openConnection(target: Target, options: ConnectingOptions): Promise<Socket> {
  const endsAt = performance.now() + options.connectMs;
  const remainingMs = () => Math.max(1, endsAt - performance.now());
  const allowed = await withTimeout(remainingMs(), findAllowedAddresses(target, options)).catch(
    (error: unknown) => {
      throw error instanceof ConnectionFault ? error : new ConnectionFault(notSent("name"));
    },
  );
  const addresses = allowed.slice(0, maxAddressesTried);
  for (const [index, address] of addresses.entries()) {
    const timeoutMs = remainingMs() / (addresses.length - index);
    try {
      return await connectTo(address, target, { timeoutMs, ca: options.ca });
    } catch (error) {
      if (index === addresses.length - 1) throw error;
    }
  }
  throw new ConnectionFault(notSent("connect"));
}

function connectTo(
  address: string,
  { host, port, isSecure }: Target,
  { timeoutMs, ca }: { timeoutMs: number; ca: string | undefined },
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    // The certificate has to be for the host of the URL. An address as host is checked against the certificate's addresses.
    const socket: Socket = isSecure
      ? connectTls({
          host: address,
          port,
          ALPNProtocols: ["http/1.1"],
          rejectUnauthorized: true,
          ...(isIP(host) === 0 && { servername: host.replace(/\.$/, "") }),
          ...(ca !== undefined && { ca }),
        })
      : connectTcp({ host: address, port });
    socket.setNoDelay(true).setKeepAlive(true, 60_000);
    let isReached = false;
    const fail = (code: string) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new ConnectionFault(notSent(isReached ? "tls" : "connect", code)));
    };
    const timer = setTimeout(() => fail("ETIMEDOUT"), timeoutMs);
    socket
      .once("connect", () => (isReached = true))
      .once(isSecure ? "secureConnect" : "connect", () => {
        clearTimeout(timer);
        socket.off("close", closed);
        resolve(socket);
      })
      // The listener stays: an error that comes before the HTTP library has its own would end the process.
      .on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? "EPROTO"));
    const closed = () => fail("ECONNRESET");
    socket.once("close", closed);
  });
}
