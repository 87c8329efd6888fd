import { capitalise } from "./statuses.ts";

/** What has happened, by the last part of an action of the audit trail. */
const happened: Readonly<Record<string, string>> = {
  activate: "version activated",
  add: "added",
  add_version: "version added",
  archive: "archived",
  begin: "started",
  bulk_upsert: "saved in bulk",
  cancel: "stopped",
  correct: "corrected",
  create: "created",
  delete: "deleted",
  duplicate: "duplicated",
  edit: "edited",
  end: "ended",
  end_sessions: "sessions ended",
  erase: "erased",
  export: "exported",
  import: "imported",
  issue_token: "token created",
  open: "opened",
  order: "order changed",
  pause: "paused",
  read: "viewed",
  recall: "recalled",
  register: "registered",
  remove: "removed",
  replace: "saved",
  replay: "events sent again",
  reprioritise: "priority changed",
  reset: "reset",
  restore: "restored",
  resume: "resumed",
  retry: "retried",
  reveal: "addresses revealed",
  revoke: "revoked",
  revoke_links: "links revoked",
  rotate: "rotated",
  schedule: "scheduled",
  send: "sent now",
  set: "set",
  set_throttle: "throttle changed",
  start: "started",
  stop: "stopped",
  switch_off: "switched off",
  test: "tested",
  update: "changed",
  upload: "uploaded",
};

/** The nouns of kinds of resources whose name in the audit trail is not a word for people. */
const nouns: Readonly<Record<string, string>> = { api_key: "API key", gate: "Limits" };

/** Describes an action of the audit trail: `api_key.create` is "API key created". */
export function describeAction(action: string): string {
  const [kind = "", ...rest] = action.split(".");
  const noun = nouns[kind] ?? capitalise(kind.replaceAll(/[-_]/g, " "));
  const verb = rest.join(".");
  if (verb === "") return noun;
  return `${noun} ${happened[verb] ?? verb.replaceAll(/[._]/g, " ")}`;
}
