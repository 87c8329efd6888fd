import { type DnsResolver, findTexts } from "./dns-records.ts";

/** What is wrong with the SPF record of a domain (RFC 7208); null if nothing is. */
export interface SpfFault {
  found: string;
  mend: string;
}

/** Receivers give up beyond this (section 4.6.4). */
const maxLookups = 10;

const mechanism =
  /^[+\-~?]?(all|include:\S+|(?:a|mx|ptr)(?::[^\s/]+)?(?:\/\d+)?(?:\/\/\d+)?|ip4:[\d./]+|ip6:[\da-f:./]+|exists:\S+)$/i;
const modifier = /^[a-z][a-z0-9_.-]*=\S*$/i;
const lookupTerm =
  /^[+\-~?]?(?:(include|exists):(\S+)|(?:a|mx|ptr)(?:[:/]\S*)?|(redirect)=(\S+))$/i;

const isSpf = (text: string) => /^v=spf1(?: |$)/i.test(text);
const termsOf = (record: string) => record.trim().split(/ +/).slice(1);

const findSpf = async (resolver: DnsResolver, name: string): Promise<string[]> =>
  (await findTexts(resolver, name)).filter(isSpf);

/**
 * Counts the look-ups that a receiver needs for a record, with those of the records that it includes. Stops beyond the limit. Names with macros
 * are not followed, because they depend on the message.
 */
async function countLookups(
  resolver: DnsResolver,
  record: string,
): Promise<{ count: number; missing: string | null }> {
  let count = 0;
  let missing: string | null = null;
  const waiting = [record];
  for (
    let next = waiting.shift();
    next !== undefined && count <= maxLookups;
    next = waiting.shift()
  ) {
    for (const term of termsOf(next)) {
      const found = lookupTerm.exec(term);
      if (!found) continue;
      count += 1;
      const isFollowed = found[1]?.toLowerCase() === "include" || found[3] !== undefined;
      const target = found[2] ?? found[4];
      if (!isFollowed || target === undefined || target.includes("%") || count > maxLookups)
        continue;
      const included = await findSpf(resolver, target);
      if (included[0] === undefined) missing ??= target;
      else waiting.push(included[0]);
    }
  }
  return { count, missing };
}

/** Finds what is wrong with the SPF record of a domain. `suggested` is the record to publish where there is none. */
export async function findSpfFault(
  resolver: DnsResolver,
  domain: string,
  suggested: string,
): Promise<{ record: string } | SpfFault> {
  const records = await findSpf(resolver, domain);
  const [record] = records;
  if (record === undefined)
    return { found: `${domain} has no SPF record`, mend: `Publish ${suggested}` };
  if (records.length > 1)
    return {
      found: `${domain} has ${records.length} SPF records, so that receivers use none of them`,
      mend: "Join them into one record that begins with v=spf1",
    };
  const terms = termsOf(record);
  const unknown = terms.find((term) => !mechanism.test(term) && !modifier.test(term));
  if (unknown !== undefined)
    return {
      found: `the SPF record of ${domain} has the term "${unknown}", which is not valid, so that receivers do not use the record`,
      mend: "Correct or remove the term",
    };
  const { count, missing } = await countLookups(resolver, record);
  if (missing !== null)
    return {
      found: `the SPF record of ${domain} includes ${missing}, which has no SPF record`,
      mend: `Remove or correct include:${missing}`,
    };
  if (count > maxLookups)
    return {
      found: `the SPF record of ${domain} needs more than ${maxLookups} look-ups, so that receivers do not use it`,
      mend: "Remove what does not send for the domain, or name its addresses with ip4: and ip6:",
    };
  if (terms.some((term) => /^redirect=/i.test(term))) return { record };
  const all = terms.find((term) => /^[+\-~?]?all$/i.test(term))?.toLowerCase();
  if (all !== "-all" && all !== "~all")
    return {
      found:
        all === undefined
          ? `the SPF record of ${domain} does not end with ~all or -all`
          : `the SPF record of ${domain} has ${all}, so that everybody may send for the domain`,
      mend: "End the record with ~all, or with -all when nothing else sends for the domain",
    };
  return { record };
}
