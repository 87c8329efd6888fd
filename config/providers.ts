import { z } from "zod";
import type { Channel } from "../domain/channel.ts";
import type { GateLimits } from "../domain/delivery/gates.ts";
import { providerName } from "../domain/provider-name.ts";
import { type PushProvider, pushProviders } from "../domain/push-providers.ts";
import { locateJsonFault } from "../lib/json-fault.ts";
import { limitOptions, readLimits } from "./provider-limits.ts";
import { smtpEntry, smtpOptions, type SmtpProvider } from "./smtp.ts";

/** A push service, or all those together that have no name of their own. */
export interface WebPushProvider {
  kind: "web-push";
  name: PushProvider;
  /** The configured limits; null if there are none. */
  limits: GateLimits | null;
}

/** A provider of the configuration. Providers of a kind that has an order are in order of preference. */
export type Provider = SmtpProvider | WebPushProvider;

/** The channel that the providers of a kind serve. */
export const channelOfKind = {
  smtp: "email",
  "web-push": "push",
} as const satisfies Record<Provider["kind"], Channel>;

const webPushEntry = z
  .strictObject({
    kind: z.literal("web-push"),
    name: z.enum(pushProviders, `must be ${pushProviders.join(", ")}`),
    ...limitOptions,
  })
  .transform(({ kind, name, ...options }, context): WebPushProvider => {
    return { kind, name, limits: readLimits(options, context) };
  });

/** The schema of an entry of each kind. */
const entries = { smtp: smtpEntry, "web-push": webPushEntry } as const;

const kinds = Object.keys(entries) as Provider["kind"][];

/** The schema of `PROVIDERS`: a list in JSON. Each issue names its entry, and none contains a value that may be a secret. */
export const providerList = z.string().transform((text, context): Provider[] => {
  const given = parseJson(text, context);
  if (given === undefined) return z.NEVER;
  if (!Array.isArray(given) || given.length === 0) {
    context.addIssue({
      code: "custom",
      message: "must be a list of providers in JSON: [{…}, {…}]",
    });
    return z.NEVER;
  }
  return readEntries(given, context);
});

/**
 * The schema of `SMTP_URL`, the short form of a list of providers of the kind `smtp`: URLs separated by spaces, with the options of an entry as
 * their query.
 */
export const smtpServers = z.string().transform((text, context): Provider[] => {
  const urls = text.split(/\s+/).filter(Boolean);
  if (urls.length === 0) {
    context.addIssue({ code: "custom", message: "must name an SMTP server: smtp://host:port" });
    return z.NEVER;
  }
  return readEntries(urls.map(entryOfUrl), context);
});

/** The entry that a URL of `SMTP_URL` stands for. Numbers are given as text in a query. */
function entryOfUrl(text: string, index: number): Record<string, unknown> {
  const [url = "", query = ""] = text.split(/\?(.*)/s);
  const options = [...new URLSearchParams(query)].map(([key, value]) => [
    key in smtpOptions ? key : `option ${key}`,
    /^\d+(\.\d+)?$/.test(value) && !textOptions.includes(key) ? Number(value) : value,
  ]);
  return {
    kind: "smtp",
    url,
    name: `smtp-${index + 1}`,
    ...(Object.fromEntries(options) as object),
  };
}

const textOptions = ["name", "passwordFile"];

function parseJson(text: string, context: z.RefinementCtx): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The message of the parser quotes the text, which may contain secrets.
    const { line, column, expected } = locateJsonFault(text);
    const message = `is not JSON: line ${line}, column ${column} must be ${expected}`;
    context.addIssue({ code: "custom", message });
    return undefined;
  }
}

/** Reads the entries of a list. Their names must be unique, because the ledger knows a provider by its name. */
function readEntries(given: readonly unknown[], context: z.RefinementCtx): Provider[] {
  const providers: Provider[] = [];
  const names = new Map<string, number>();
  for (const [index, entry] of given.entries()) {
    const fail = (message: string) =>
      context.addIssue({ code: "custom", message: `${titleOf(entry, index)}: ${message}` });
    const kind = kindOf(entry);
    if (kind === null) {
      fail(isRecord(entry) ? `kind must be ${kinds.join(" or ")}` : "must be an object");
      continue;
    }
    const { data: provider, error } = entries[kind].safeParse(entry);
    for (const issue of error?.issues ?? []) fail(describeIssue(issue, kind));
    if (!provider) continue;
    const earlier = names.get(provider.name);
    if (earlier !== undefined) fail(`name is also that of entry ${earlier + 1}`);
    else names.set(provider.name, index);
    providers.push(provider);
  }
  return providers;
}

const isRecord = (entry: unknown): entry is Record<string, unknown> =>
  typeof entry === "object" && entry !== null && !Array.isArray(entry);

const kindOf = (entry: unknown): Provider["kind"] | null =>
  kinds.find((kind) => isRecord(entry) && entry["kind"] === kind) ?? null;

/** The place of an entry in its list, and its name if that is one. */
function titleOf(entry: unknown, index: number): string {
  const name = providerName.or(z.enum(pushProviders)).safeParse(isRecord(entry) && entry["name"]);
  return `entry ${index + 1}${name.success ? ` (${name.data})` : ""}`;
}

function describeIssue({ code, path, message }: z.core.$ZodIssue, kind: Provider["kind"]): string {
  // The name of an unknown option is not repeated: it may be the rest of a password that is not percent-encoded.
  if (code === "unrecognized_keys")
    return `has an unknown option; the options of ${kind} are ${optionsOf(kind).join(", ")}`;
  return `${path.join(".")} ${message}`;
}

/** The names of the options of a kind. */
export const optionsOf = (kind: Provider["kind"]): string[] =>
  Object.keys(entries[kind].in.shape).filter((option) => option !== "kind");
