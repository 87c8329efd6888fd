import { createPublicKey } from "node:crypto";
import type { DkimKey } from "../../config/dkim.ts";
import { type Check, type Finding, ok, warning } from "./check.ts";
import { providersIfGiven, readIfGiven } from "./configuration.ts";
import {
  createResolver,
  type DnsResolver,
  DnsUnavailable,
  findRecords,
  findTexts,
  readTags,
  zoneLine,
} from "./dns-records.ts";
import { findSpfFault } from "./spf.ts";
import type { Surroundings } from "./surroundings.ts";

/*
 * What the DNS should say about the domains that mail is sent from, so that receivers accept it (docs/deliverability.md). Nothing is checked
 * before MAIL_FROM is set: `npm start` sends to its own mailbox.
 */

/** Checks SPF, DKIM and DMARC of each domain of senders, and where the mail of the bounce domain goes. */
export function dnsChecks(surroundings: Surroundings): Check[] {
  const { environment, resolver = createResolver() } = surroundings;
  const sender = readIfGiven("MAIL_FROM", environment);
  if (sender === null) return [];
  const more = readIfGiven("MAIL_FROM_DOMAINS", environment) ?? [];
  const domains = [...new Set([sender.mailbox.domain, ...more])];
  const keys = readIfGiven("DKIM_KEYS", environment) ?? [];
  const bounceDomain = readIfGiven("BOUNCE_DOMAIN", environment);
  const hosts = providersIfGiven(environment).smtp.map(({ host }) => host);
  // Receivers look up SPF for the envelope's sender, which is at the bounce domain if there is one.
  const envelopeDomains = bounceDomain ? [...domains, bounceDomain] : domains;
  return [
    ...envelopeDomains.map((domain) => spfCheck(resolver, domain, hosts)),
    ...keys.map((key) => dkimCheck(resolver, key)),
    ...domains.map((domain) => dmarcCheck(resolver, domain)),
    ...(bounceDomain ? [mxCheck(resolver, bounceDomain)] : []),
  ];
}

/** A check that says so where the DNS cannot be asked: without an answer, nothing is known to be right. */
const check = (name: string, look: () => Promise<Finding>): Check => ({
  name,
  required: false,
  mend: "It could not be checked: run this again on a machine that reaches the DNS",
  look: async () => {
    try {
      return [await look()];
    } catch (error) {
      if (!(error instanceof DnsUnavailable)) throw error;
      return [
        warning(
          name,
          `could not be checked: ${error.message}`,
          "Run this again on a machine that reaches the DNS",
        ),
      ];
    }
  },
});

function spfCheck(resolver: DnsResolver, domain: string, hosts: readonly string[]): Check {
  const name = `SPF ${domain}`;
  return check(name, async () => {
    const senders = hosts.filter((host) => /\.[a-z]/i.test(host)).map((host) => `a:${host}`);
    const terms = senders.length > 0 ? senders : ["mx"];
    const suggested = `${zoneLine(domain, `v=spf1 ${terms.join(" ")} ~all`)}, with include: and the name that your mail provider gives for SPF, if it has one`;
    const found = await findSpfFault(resolver, domain, suggested);
    return "record" in found ? ok(name, found.record) : warning(name, found.found, found.mend);
  });
}

/** The type and the public part of a key, as its record has them. RFC 8463 has the bare bytes of Ed25519. */
function publicPartOf({ key }: DkimKey): { type: "rsa" | "ed25519"; part: string } {
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  return key.asymmetricKeyType === "ed25519"
    ? { type: "ed25519", part: spki.subarray(-32).toString("base64") }
    : { type: "rsa", part: spki.toString("base64") };
}

function dkimCheck(resolver: DnsResolver, key: DkimKey): Check {
  const record = `${key.selector}._domainkey.${key.domain}`;
  const name = `DKIM ${record}`;
  return check(name, async () => {
    const { type, part } = publicPartOf(key);
    const publish = `Publish ${zoneLine(record, `v=DKIM1; k=${type}; p=${part}`)}`;
    const texts = (await findTexts(resolver, record)).filter((text) => readTags(text).has("p"));
    const [text] = texts;
    if (text === undefined) return warning(name, "has no DKIM record", publish);
    if (texts.length > 1)
      return warning(
        name,
        `has ${texts.length} DKIM records, of which receivers may use any`,
        `${publish}, and remove the others`,
      );
    const tags = readTags(text);
    const published = tags.get("p")!.replaceAll(/\s/g, "");
    if (published === "") return warning(name, "is revoked: p= is empty", publish);
    if ((tags.get("k") ?? "rsa") !== type || published !== part)
      return warning(name, "is the record of another key than that of DKIM_KEYS", publish);
    const isTest = tags.get("t")?.split(":").includes("y") ?? false;
    return isTest
      ? warning(name, "says that the domain only tests DKIM (t=y)", publish)
      : ok(name, `${type}, equals the key of DKIM_KEYS`);
  });
}

/** The names at which receivers look for DMARC: the domain, then the domains above it, but no top-level domain (RFC 9989, section 4.10). */
function dmarcNames(domain: string): string[] {
  const labels = domain.split(".");
  return labels.slice(0, -1).map((_, index) => `_dmarc.${labels.slice(index).join(".")}`);
}

function dmarcCheck(resolver: DnsResolver, domain: string): Check {
  const name = `DMARC ${domain}`;
  return check(name, async () => {
    const publish = `Publish ${zoneLine(`_dmarc.${domain}`, `v=DMARC1; p=none; rua=mailto:dmarc-reports@${domain}`)}`;
    for (const record of dmarcNames(domain)) {
      const texts = (await findTexts(resolver, record)).filter((text) =>
        /^v=DMARC1\s*(?:;|$)/.test(text),
      );
      const [text] = texts;
      if (text === undefined) continue;
      if (texts.length > 1)
        return warning(
          name,
          `${record} has ${texts.length} DMARC records, so that receivers use none`,
          "Keep one of them",
        );
      const policy = readTags(text).get("p")?.toLowerCase();
      if (policy === undefined || !["none", "quarantine", "reject"].includes(policy))
        return warning(
          name,
          `${record} has no valid policy: p= must be none, quarantine or reject`,
          publish,
        );
      if (!readTags(text).get("rua"))
        return warning(
          name,
          `${record} has no rua=, so that nobody sends you reports`,
          `Add rua=mailto: and an address to the record: ${text}`,
        );
      return ok(name, `${record}: ${text}`);
    }
    return warning(
      name,
      "has no DMARC record, which Gmail and Yahoo require of bulk senders",
      publish,
    );
  });
}

function mxCheck(resolver: DnsResolver, domain: string): Check {
  const name = `MX ${domain}`;
  const publish = `Publish ${domain}. MX 10 and the name of the machine on which the bounce listener runs`;
  return check(name, async () => {
    const records = await findRecords(() => resolver.resolveMx(domain));
    if (records.length === 0)
      return warning(
        name,
        "BOUNCE_DOMAIN has no MX record, so that bounces do not arrive",
        publish,
      );
    const hosts = records.toSorted((a, b) => a.priority - b.priority).map((mx) => mx.exchange);
    const addresses = await Promise.all(
      hosts.map(async (host) => [
        ...(await findRecords(() => resolver.resolve4(host))),
        ...(await findRecords(() => resolver.resolve6(host))),
      ]),
    );
    const lost = hosts.filter((_, index) => addresses[index]!.length === 0);
    if (lost.length > 0)
      return warning(
        name,
        `${lost.join(", ")} has no address`,
        `Give it an A or AAAA record, or correct the MX record`,
      );
    const shown = hosts.map((host, index) => `${host} (${addresses[index]!.join(", ")})`);
    return ok(
      name,
      `${shown.join(", ")}: the bounce listener has to be reachable there at port 25`,
    );
  });
}
