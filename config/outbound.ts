import { parseSubnet } from "../lib/outbound/addresses.ts";
import { createOutboundClient } from "../lib/outbound/client.ts";
import type { NotSent, Refused } from "../lib/outbound/outcome.ts";
import type { Resolve } from "../lib/outbound/resolving.ts";
import type { OutboundRules } from "../lib/outbound/target.ts";
import { isLoopback } from "../lib/allowed-hosts.ts";
import { type Environment, readEnvironment } from "./environment.ts";

export const outboundVariables = [
  "HTTP_ALLOW_PRIVATE",
  "HTTP_ALLOW_PORTS",
  "HTTP_ALLOW_PLAIN",
] as const;

export type OutboundSettings = Environment<(typeof outboundVariables)[number]>;

export const outboundRules = (settings: OutboundSettings): OutboundRules => ({
  privateSubnets: settings.HTTP_ALLOW_PRIVATE,
  ports: settings.HTTP_ALLOW_PORTS,
  plain: settings.HTTP_ALLOW_PLAIN === "true",
});

/** Why nothing can be sent to `EVENTS_URL`, and what the operator can do about it. Shows addresses: for operators only. */
interface ReceiverFault {
  found: string;
  remedy: string;
}

/** A host has no more addresses than this that are worth a line each. */
const maxFaults = 10;

/**
 * Finds everything that the rules have against `EVENTS_URL`, without a connection. Each fault is assumed to be corrected before the URL
 * is examined again, so that the operator reads of all settings at once.
 */
export async function receiverFaults(
  url: string,
  settings: OutboundSettings,
  resolve?: Resolve,
): Promise<ReceiverFault[]> {
  const faults: ReceiverFault[] = [];
  let rules = outboundRules(settings);
  while (faults.length < maxFaults) {
    const client = createOutboundClient({ rules, ...(resolve && { resolve }) });
    const outcome = await client.examine(url);
    if (outcome.kind === "allowed") break;
    faults.push(explain(outcome, url));
    const corrected = correct(rules, outcome, url);
    if (!corrected) break;
    rules = corrected;
  }
  return faults;
}

const portOf = (url: string) => Number(new URL(url).port);

function explain({ reason, detail, ...rest }: Refused | NotSent, url: string): ReceiverFault {
  const address = "address" in rest ? rest.address : "";
  if (reason === "port")
    return {
      found: `the port ${portOf(url)} of EVENTS_URL is not allowed`,
      remedy: `Add ${portOf(url)} to HTTP_ALLOW_PORTS`,
    };
  if (reason === "address")
    return {
      found: `the host of EVENTS_URL has the address ${address}, which is not public`,
      remedy: `Add ${address}, or the range that it is in, to HTTP_ALLOW_PRIVATE`,
    };
  if (reason === "plain")
    return {
      found: "EVENTS_URL is http, and its host has a public address",
      remedy: "Use https, or set HTTP_ALLOW_PLAIN=true",
    };
  if (reason === "metadata")
    return {
      found: `the host of EVENTS_URL has the address ${address}, which is link-local or serves metadata`,
      remedy: "Correct EVENTS_URL: no setting allows this address",
    };
  if (reason === "name")
    return {
      found: "the host of EVENTS_URL cannot be resolved",
      remedy: "Correct EVENTS_URL, or the name server",
    };
  return { found: `EVENTS_URL is refused: ${detail}`, remedy: "Correct EVENTS_URL" };
}

/** The rules with one fault corrected; null if no setting corrects it. */
function correct(
  rules: OutboundRules,
  outcome: Refused | NotSent,
  url: string,
): OutboundRules | null {
  if (outcome.reason === "port") return { ...rules, ports: [...rules.ports, portOf(url)] };
  if (outcome.reason === "plain") return { ...rules, plain: true };
  if (outcome.reason !== "address") return null;
  const subnet = parseSubnet(outcome.address ?? "");
  return subnet && { ...rules, privateSubnets: [...rules.privateSubnets, subnet] };
}

/**
 * The settings that `npm start` adds where `EVENTS_URL` names this machine itself, as it does in development, and the operator has allowed
 * no private range: the loopback and the port of the receiver. Throws a `ConfigurationError` if `EVENTS_URL` has a fault.
 */
export function loopbackSettings(
  environment: NodeJS.ProcessEnv,
): Partial<Record<keyof OutboundSettings, string>> {
  const isSet = (name: string) => Boolean(environment[name] || environment[`${name}_FILE`]);
  const { EVENTS_URL: url } = readEnvironment(["EVENTS_URL"], environment);
  if (url === undefined || isSet("HTTP_ALLOW_PRIVATE")) return {};
  const { hostname, port } = new URL(url);
  if (!isLoopback(hostname.replace(/^\[|\]$/g, ""))) return {};
  return {
    HTTP_ALLOW_PRIVATE: "127.0.0.0/8 ::1/128",
    ...(port !== "" && !isSet("HTTP_ALLOW_PORTS") && { HTTP_ALLOW_PORTS: port }),
  };
}
