import { z } from "zod";
import { parseMailbox } from "../domain/address.ts";
import type { DomainLimits } from "../domain/delivery/domain-limits.ts";
import { limitSchemas } from "../domain/delivery/gates.ts";

/** Each domain has a row of its own in the database, which workers read every second. */
const maxDomains = 50;

const connectionsFault = "must be a whole number from 1 to 50";

const limitsOfDomain = z.strictObject(
  {
    connections: z
      .int(connectionsFault)
      .min(1, connectionsFault)
      .max(50, connectionsFault)
      .optional(),
    perSecond: limitSchemas.perSecond.optional(),
  },
  "must be an object with connections, perSecond or both",
);

/** The schema of the limits by receiving domain. Issues repeat no value, and the name of a domain only if it is one. */
export const domainLimits = z
  .record(z.string(), z.unknown(), "must be an object of domains, which SMTP_URL cannot contain")
  .default({})
  .transform((given, context): DomainLimits[] => {
    const found = new Map<string, DomainLimits>();
    const fail = (path: string[], message: string) =>
      context.addIssue({ code: "custom", path, message });
    if (Object.keys(given).length > maxDomains) fail([], `must have at most ${maxDomains} domains`);
    for (const [name, value] of Object.entries(given)) {
      const domain = parseMailbox(`a@${name}`)?.domain;
      if (domain === undefined) {
        fail([], "must have domains as names, such as gmail.com");
        continue;
      }
      const { data, error } = limitsOfDomain.safeParse(value);
      for (const { code, path, message } of error?.issues ?? [])
        fail(
          [domain, ...path.map(String)],
          code === "unrecognized_keys"
            ? "has an unknown option; the options of a domain are connections and perSecond"
            : message,
        );
      if (!data) continue;
      const { connections = null, perSecond = null } = data;
      if (connections === null && perSecond === null)
        fail([domain], "must have connections, perSecond or both");
      else if (found.has(domain)) fail([domain], "is named twice");
      found.set(domain, { domain, connections, perSecond });
    }
    return [...found.values()];
  });
