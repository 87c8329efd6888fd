import { isIP } from "node:net";
import { isPushService } from "../../domain/push-services.ts";
import { judgeAddress } from "../../lib/outbound/addresses.ts";
import type { EndpointRules } from "../http/router.ts";

/**
 * Examines the endpoint of a subscription, a URL in the form of `URL.href`. Tidings sends requests to it later, so it must be one of a push
 * service: https on port 443 at a known host. The client for outgoing requests checks the addresses of that host each time. Returns the host, or
 * the message of a fault.
 */
export function examineEndpoint(
  endpoint: string,
  { pushServices, privateSubnets, ports }: EndpointRules,
): { host: string } | { fault: string } {
  const { protocol, username, password, hostname, port } = new URL(endpoint);
  if (username !== "" || password !== "") return { fault: "must not contain a user or a password" };
  const address = hostname === "localhost" ? "127.0.0.1" : hostname.replace(/^\[|\]$/g, "");
  if (isIP(address) !== 0) {
    const isAllowed =
      judgeAddress(address, privateSubnets) === "allowed" &&
      (protocol === "https:" || protocol === "http:") &&
      (["", "443", "80"].includes(port) || ports.includes(Number(port)));
    return isAllowed ? { host: hostname } : unknownService;
  }
  if (protocol !== "https:") return { fault: "must be an https:// URL" };
  if (port !== "") return { fault: "must use port 443" };
  return isPushService(hostname, pushServices) ? { host: hostname } : unknownService;
}

const unknownService = {
  fault: "must be at a known push service. An operator can add hosts with PUSH_SERVICES",
};
