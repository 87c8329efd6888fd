import { createPublicKey, verify } from "node:crypto";
import { TLSSocket } from "node:tls";
import webPush from "web-push";
import { ConfigurationError, type Environment, readEnvironment } from "../../config/environment.ts";
import { outboundRules, outboundVariables } from "../../config/outbound.ts";
import { readVapid, type VapidSettings } from "../../config/vapid.ts";
import { pushProviderOf } from "../../domain/push-providers.ts";
import { ConnectionFault, openConnection } from "../../lib/outbound/connecting.ts";
import type { NotSent, Refused } from "../../lib/outbound/outcome.ts";
import { createSystemResolver, type Resolve } from "../../lib/outbound/resolving.ts";
import { readTarget } from "../../lib/outbound/target.ts";
import { given, missing, ok, warning, type Check, type Finding } from "./check.ts";
import { readIfGiven } from "./configuration.ts";
import type { Surroundings } from "./surroundings.ts";

const connectMs = 5_000;

/** A host of each push service of the browsers' makers. */
const knownHosts = [
  "fcm.googleapis.com",
  "updates.push.services.mozilla.com",
  "web.push.apple.com",
  "cloud.notify.windows.com",
];

/** How push services are reached. Tests have services of their own. */
interface Way {
  /** The origins of the services; by default those of the browsers' makers and of `PUSH_SERVICES`. */
  origins?: readonly string[];
  resolve?: Resolve;
  /** Certificates to trust instead of those of Node.js, in PEM. */
  ca?: string;
}

const variables = [
  "VAPID_PUBLIC_KEY",
  "VAPID_PRIVATE_KEY",
  "VAPID_SUBJECT",
  "PUSH_SERVICES",
  ...outboundVariables,
] as const;

/**
 * Checks the keys of web push, and whether each push service accepts a TLS connection at an allowed address. No request is sent. Without
 * `VAPID_PRIVATE_KEY` there is no finding: a machine without it sends no push notifications, and `npm start` generates a key.
 */
export function pushChecks({ environment }: Surroundings, way: Way = {}): Check[] {
  // The check of the configuration reports a setting that has a fault.
  const isReadable = variables.every(
    (name) => !given(environment, name) || readIfGiven(name, environment) !== null,
  );
  if (!given(environment, "VAPID_PRIVATE_KEY") || !isReadable) return [];
  const settings = readEnvironment(variables, environment);
  const origins = way.origins ?? originsOf(settings.PUSH_SERVICES);
  return [vapidCheck(settings), ...origins.map((origin) => serviceCheck(origin, settings, way))];
}

/** A pattern such as `*.push.example.org` names no host to connect to. */
const originsOf = (configured: readonly string[]) =>
  [...knownHosts, ...configured.filter((host) => !host.startsWith("*."))].map(
    (host) => `https://${host}`,
  );

function vapidCheck(settings: Environment<(typeof variables)[number]>): Check {
  const name = "VAPID keys";
  return {
    name,
    required: true,
    mend: "Correct VAPID_PRIVATE_KEY, VAPID_PUBLIC_KEY and VAPID_SUBJECT: see docs/providers/web-push.md",
    look: async () => {
      try {
        const vapid = readVapid(settings);
        if (!vapid) return [];
        return [describeKeys(name, vapid, settings.VAPID_PUBLIC_KEY !== undefined)];
      } catch (error) {
        if (!(error instanceof ConfigurationError)) throw error;
        return error.faults.map((fault) =>
          missing(name, fault, "Correct it: browsers subscribe with the public key of a pair"),
        );
      }
    },
  };
}

function describeKeys(name: string, { keys, subject }: VapidSettings, isPublic: boolean): Finding {
  const faulty = keys.findIndex((pair) => !signs(pair, subject));
  if (faulty !== -1)
    return missing(
      name,
      `what key ${faulty + 1} of VAPID_PRIVATE_KEY signs cannot be verified`,
      "Create a new pair of keys: see docs/providers/web-push.md",
    );
  const count = keys.length === 1 ? "a pair that signs" : `${keys.length} pairs that sign`;
  return isPublic
    ? ok(name, count)
    : warning(
        name,
        `${count}, but VAPID_PUBLIC_KEY is not set`,
        `Set VAPID_PUBLIC_KEY=${keys[0]!.publicKey} for the API: browsers subscribe with it`,
      );
}

/** Whether a signature by the private key of a pair is one of its public key. */
function signs({ publicKey, privateKey }: VapidSettings["keys"][number], subject: string): boolean {
  const { Authorization: header } = webPush.getVapidHeaders(
    "https://push.example.org",
    subject,
    publicKey,
    privateKey,
    "aes128gcm",
  );
  const [head, claims, signature] = /t=([\w.-]+)/.exec(header)![1]!.split(".");
  const point = Buffer.from(publicKey, "base64url");
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) =>
    part.toString("base64url"),
  );
  const key = createPublicKey({ format: "jwk", key: { kty: "EC", crv: "P-256", x: x!, y: y! } });
  return verify(
    "sha256",
    Buffer.from(`${head}.${claims}`),
    { key, dsaEncoding: "ieee-p1363" },
    Buffer.from(signature!, "base64url"),
  );
}

function serviceCheck(
  origin: string,
  settings: Environment<(typeof outboundVariables)[number]>,
  { resolve = createSystemResolver(), ca }: Way,
): Check {
  const { hostname, host } = new URL(origin);
  const name = `Push service ${pushProviderOf(hostname)}`;
  return {
    name,
    required: false,
    mend: `Allow connections from workers to ${host}`,
    look: async () => {
      const rules = outboundRules(settings);
      const target = readTarget(origin, rules);
      if ("kind" in target) return [describeFault(name, host, target)];
      try {
        const options = { rules, resolve, connectMs, ...(ca !== undefined && { ca }) };
        const socket = await openConnection(target, options);
        const protocol = socket instanceof TLSSocket ? socket.getProtocol() : null;
        socket.destroy();
        return [ok(name, `${host}, ${protocol ?? "without TLS"}`)];
      } catch (error) {
        if (!(error instanceof ConnectionFault)) throw error;
        return [describeFault(name, host, error.outcome)];
      }
    },
  };
}

function describeFault(name: string, host: string, outcome: Refused | NotSent): Finding {
  const { reason } = outcome;
  if (outcome.kind === "not_sent")
    return warning(
      name,
      `${host} cannot be reached from here: ${outcome.code ?? outcome.detail}`,
      reason === "tls"
        ? "Check which program answers in place of the push service, such as a proxy that inspects TLS"
        : `Allow connections from workers to ${host}, if recipients use its browsers; their push notifications wait meanwhile`,
    );
  if (reason === "address")
    return warning(
      name,
      `${host} has the address ${outcome.address}, which is not public`,
      `Correct the name server, or add ${outcome.address} to HTTP_ALLOW_PRIVATE if the service is on your network`,
    );
  return warning(
    name,
    `${host} is refused: ${outcome.detail}`,
    "Correct the host or its addresses",
  );
}
