import { readInstant, readText } from "../shell/url.ts";

/** The filters of the audit trail. An entry matches if it matches all that are given. */
export interface AuditFilters {
  /** An action such as `campaign.pause`, or `campaign` for all actions on campaigns. */
  action?: string | undefined;
  /** The id of an API key or of an operator, `bootstrap` or `recipient`. */
  actor?: string | undefined;
  /** The id or the key of what was changed. */
  resource?: string | undefined;
  /** The id of the request that made the change. */
  request?: string | undefined;
  from?: string | undefined;
  before?: string | undefined;
}

/** What the address of the audit trail says. */
export interface AuditSearch extends AuditFilters {
  cursor?: string | undefined;
  /** The entry whose details are shown. */
  entry?: string | undefined;
}

/** A word such as an id, a key or an action. Anything else may be personal, and must not be in the address of a page. */
const readWord = (raw: unknown) => {
  const word = readText(raw, 100);
  return word !== undefined && /^[\w.:-]+$/.test(word) ? word : undefined;
};

/** Reads the search of an address. Whatever is not valid becomes undefined. */
export const readAuditSearch = (raw: Record<string, unknown>): AuditSearch => ({
  action: readWord(raw["action"]),
  actor: readWord(raw["actor"]),
  resource: readWord(raw["resource"]),
  request: readWord(raw["request"]),
  from: readInstant(raw["from"]),
  before: readInstant(raw["before"]),
  cursor: readText(raw["cursor"], 1_000),
  entry: readWord(raw["entry"]),
});
