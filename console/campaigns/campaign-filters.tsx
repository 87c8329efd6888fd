import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Choice, Filters } from "../parts/filters.tsx";
import { useShortcuts } from "../shell/shortcuts.ts";
import { templatesQuery } from "../templates/queries.ts";
import { capitalise } from "../words/statuses.ts";
import { typeKeysQuery } from "./queries.ts";
import { type CampaignFilters, campaignStatuses } from "./search.ts";
import styles from "./campaign-filters.module.css";

/** How long typing has to pause before the list is filtered by it. */
const pauseMs = 250;

interface CampaignFilterBarProps {
  filters: CampaignFilters;
  /** `isTyping`: each pause in typing changes the filters, so Back should not stop at each of them. */
  onChange: (filters: CampaignFilters, isTyping: boolean) => void;
}

/** The filters of the campaigns. */
export function CampaignFilterBar({ filters, onChange }: CampaignFilterBarProps) {
  const types = useQuery(typeKeysQuery);
  const templates = useQuery(templatesQuery({ limit: "200" }));
  const isAny = Object.values(filters).some((value) => value !== undefined);
  const set = (changed: CampaignFilters) => onChange({ ...filters, ...changed }, false);
  return (
    <Filters isAny={isAny} onClear={() => onChange({}, false)}>
      <NameFilter value={filters.q} onChange={(q) => onChange({ ...filters, q }, true)} />
      <Choice
        name="Status"
        values={campaignStatuses}
        words={(status) => capitalise(status)}
        chosen={filters.status ?? []}
        onChange={(status) => set({ status: status.length > 0 ? status : undefined })}
      />
      <KeyFilter
        name="Type"
        value={filters.type}
        keys={types.data}
        onChange={(type) => set({ type })}
      />
      <KeyFilter
        name="Template"
        value={filters.template}
        keys={templates.data?.items.map(({ key }) => key)}
        onChange={(template) => set({ template })}
      />
    </Filters>
  );
}

function NameFilter({
  value = "",
  onChange,
}: {
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}) {
  const [typed, setTyped] = useState(value);
  const field = useRef<HTMLInputElement>(null);
  const sent = useRef(value);
  const pausing = useRef<ReturnType<typeof setTimeout>>(undefined);
  useShortcuts({ f: () => field.current?.focus() });
  useEffect(() => {
    // The address has changed otherwise, for example by Back.
    if (value !== sent.current) setTyped(value);
    sent.current = value;
  }, [value]);
  useEffect(() => () => clearTimeout(pausing.current), []);
  return (
    <input
      ref={field}
      type="search"
      className={styles.name}
      aria-label="Filter by a part of the name"
      placeholder="Name"
      autoComplete="off"
      maxLength={200}
      value={typed}
      onChange={({ target }) => {
        setTyped(target.value);
        clearTimeout(pausing.current);
        pausing.current = setTimeout(() => {
          sent.current = target.value.trim();
          onChange(sent.current === "" ? undefined : sent.current);
        }, pauseMs);
      }}
    />
  );
}

function KeyFilter({
  name,
  value,
  keys = [],
  onChange,
}: {
  name: string;
  value: string | undefined;
  keys: readonly string[] | undefined;
  onChange: (value: string | undefined) => void;
}) {
  const shown = value === undefined || keys.includes(value) ? keys : [value, ...keys];
  return (
    <select
      className={styles.key}
      data-chosen={value !== undefined}
      aria-label={name}
      value={value ?? ""}
      onChange={({ target }) => onChange(target.value === "" ? undefined : target.value)}
    >
      <option value="">{name}</option>
      {shown.map((key) => (
        <option key={key}>{key}</option>
      ))}
    </select>
  );
}
