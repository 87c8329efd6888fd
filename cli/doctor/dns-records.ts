import { Resolver } from "node:dns/promises";

/** The look-ups that the checks need. `Resolver` of `node:dns/promises` has them. */
export type DnsResolver = Pick<Resolver, "resolveTxt" | "resolveMx" | "resolve4" | "resolve6">;

const lookUpTimeoutMs = 2_000;

export const createResolver = (): DnsResolver =>
  new Resolver({ timeout: lookUpTimeoutMs, tries: 2 });

/** No answer came, so that nothing is known about the records. */
export class DnsUnavailable extends Error {
  override name = "DnsUnavailable";
}

/** The codes with which a name server says that there is no such record. */
const absent = new Set(["ENOTFOUND", "ENODATA"]);

/** Resolves with no records where the name server says that there are none. Rejects with `DnsUnavailable` if it does not answer. */
export async function findRecords<Item>(look: () => Promise<Item[]>): Promise<Item[]> {
  try {
    return await look();
  } catch (error) {
    const code = (error as { code?: string }).code ?? "";
    if (absent.has(code)) return [];
    throw new DnsUnavailable(`the name server did not answer (${code})`);
  }
}

/** The TXT records of a name, each with its parts joined. */
export const findTexts = async (resolver: DnsResolver, name: string): Promise<string[]> =>
  (await findRecords(() => resolver.resolveTxt(name))).map((parts) => parts.join(""));

/** Reads a record of tags, such as `v=DKIM1; k=rsa; p=…` (RFC 6376, section 3.2). */
export const readTags = (record: string): Map<string, string> =>
  new Map(
    record.split(";").flatMap((tag) => {
      const at = tag.indexOf("=");
      return at < 0 ? [] : [[tag.slice(0, at).trim().toLowerCase(), tag.slice(at + 1).trim()]];
    }),
  );

/** A line of a zone, as an operator publishes it. */
export const zoneLine = (name: string, text: string): string => `${name}. TXT "${text}"`;
