import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { hourMs } from "../../domain/time/durations.ts";
import { ChosenFilter, Filters } from "../parts/filters.tsx";
import { isPublicId, shortenId } from "../parts/short-id.tsx";
import { toWords } from "../words/statuses.ts";
import type { AuditFilters, AuditSearch } from "./search.ts";
import { auditedKinds } from "./words.ts";
import styles from "./filter-bar.module.css";

const spans = [
  ["1", "Last hour"],
  ["24", "Last 24 hours"],
  ["168", "Last 7 days"],
  ["720", "Last 30 days"],
] as const;

/** The filters of the audit trail. They are in the address. */
export function FilterBar({ search }: { search: AuditSearch }) {
  const navigate = useNavigate({ from: "/audit" });
  const set = (changed: AuditFilters) =>
    void navigate({
      search: (now) => ({ ...now, ...changed, cursor: undefined, entry: undefined }),
    });
  const { cursor: _, entry: __, ...filters } = search;
  const isKind = search.action !== undefined && search.action in auditedKinds;
  return (
    <Filters
      isAny={Object.values(filters).some((value) => value !== undefined)}
      onClear={() => void navigate({ search: (now) => ({ tz: now.tz }) })}
    >
      <select
        className={styles.control}
        aria-label="What was changed"
        value={isKind ? search.action : ""}
        onChange={({ target }) => set({ action: target.value || undefined })}
      >
        <option value="">Everything</option>
        {Object.entries(auditedKinds).map(([kind, name]) => (
          <option key={kind} value={kind}>
            {name}
          </option>
        ))}
      </select>
      <select
        className={styles.control}
        aria-label="When"
        value=""
        onChange={({ target }) =>
          set({
            from: new Date(Date.now() - Number(target.value) * hourMs).toISOString(),
            before: undefined,
          })
        }
      >
        <option value="">{search.from === undefined ? "At any time" : "Another time"}</option>
        {spans.map(([hours, name]) => (
          <option key={hours} value={hours}>
            {name}
          </option>
        ))}
      </select>
      <Finder set={set} />
      {(["action", "actor", "resource", "request", "from", "before"] as const).map((name) => {
        const value = search[name];
        if (value === undefined || (name === "action" && isKind)) return null;
        return (
          <ChosenFilter
            key={name}
            name={toWords(name)}
            value={isPublicId(value) ? shortenId(value) : value}
            title={value}
            onRemove={() => set({ [name]: undefined })}
          />
        );
      })}
    </Filters>
  );
}

/** Takes the id of an author or a request, or the id or the key of what was changed. */
function Finder({ set }: { set: (changed: AuditFilters) => void }) {
  const [fault, setFault] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const found = new FormData(form).get("find");
    const text = typeof found === "string" ? found.trim() : "";
    if (text === "") return;
    if (!/^[\w.:-]{1,100}$/.test(text)) return setFault(true);
    if (/^(key|opr)_|^bootstrap$/.test(text)) set({ actor: text });
    else if (/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(text)) set({ request: text });
    else if (/^[a-z_-]+\.[a-z_]+$/.test(text)) set({ action: text });
    else set({ resource: text });
    form.reset();
  };
  return (
    <form onSubmit={submit}>
      <input
        className={styles.control}
        name="find"
        aria-label="Filter by an author, a request, an action, or what was changed"
        aria-invalid={fault}
        title={fault ? "Enter an id, a key, or an action such as campaign.pause" : undefined}
        onChange={() => setFault(false)}
        placeholder="key_…, cmp_…, a key, a request"
        autoComplete="off"
        spellCheck={false}
      />
    </form>
  );
}
