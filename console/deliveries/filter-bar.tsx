import { type FormEvent, useId, useRef, useState } from "react";
import { channels } from "../../domain/channel.ts";
import { type FilteredReason, reasons, reasonStatuses } from "../../domain/delivery/reasons.ts";
import { deliveryStatuses } from "../../domain/delivery/status.ts";
import { priorities } from "../../domain/priority.ts";
import { Choice, ChosenFilter, Filters } from "../parts/filters.tsx";
import { useZone } from "../parts/instant.tsx";
import { shortenId } from "../parts/short-id.tsx";
import { useShortcuts } from "../shell/shortcuts.ts";
import { prefixOf, readInstant } from "../shell/url.ts";
import { formatFull } from "../words/instants.ts";
import { reasonWords } from "../words/reasons.ts";
import { capitalise, channelWords, priorityWords, toWords } from "../words/statuses.ts";
import { countFilters, type DeliveryFilters, type DeliverySearch, filtersOf } from "./search.ts";
import { SentFilter } from "./sent-filter.tsx";
import styles from "./filter-bar.module.css";

interface FilterBarProps {
  search: DeliverySearch;
  onChange: (filters: DeliverySearch) => void;
}

/** The filters of the deliveries. Each change is a new address, so that Back undoes it. */
export function FilterBar({ search, onChange }: FilterBarProps) {
  const first = useRef<HTMLButtonElement>(null);
  useShortcuts({ f: () => first.current?.focus() });
  const filters = filtersOf(search);
  const zone = useZone();
  const order = search.order === undefined ? {} : { order: search.order };
  const set = (changed: {
    [Name in keyof DeliveryFilters]?: DeliveryFilters[Name] | undefined;
  }) => {
    const next = Object.entries({ ...filters, ...changed }).filter(
      ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
    );
    onChange({ ...(Object.fromEntries(next) as DeliveryFilters), ...order });
  };
  const fitting = reasons
    .filter(
      (reason) =>
        !filters.status || filters.status.some((status) => reasonStatuses[reason].includes(status)),
    )
    .sort((a, b) => reasonWords[a].localeCompare(reasonWords[b]));
  return (
    <Filters isAny={countFilters(search) > 0} onClear={() => onChange(order)}>
      <Choice
        ref={first}
        name="Status"
        values={deliveryStatuses}
        words={(status) => capitalise(status)}
        chosen={filters.status ?? []}
        onChange={(status) => set({ status })}
      />
      <Choice
        name="Reason"
        values={["none", ...fitting] satisfies FilteredReason[]}
        words={(reason) => (reason === "none" ? "No reason" : reasonWords[reason])}
        chosen={filters.reason ?? []}
        onChange={(reason) => set({ reason })}
      />
      <Choice
        name="Channel"
        values={channels}
        words={(channel) => channelWords[channel]}
        chosen={filters.channel ?? []}
        onChange={(channel) => set({ channel })}
      />
      <Choice
        name="Priority"
        values={priorities}
        words={(priority) => priorityWords[priority]}
        chosen={filters.priority ?? []}
        onChange={(priority) => set({ priority })}
      />
      <SentFilter
        sent={filters}
        onChange={({ sentFrom, sentBefore }) => set({ sentFrom, sentBefore })}
      />
      <Finder set={set} />
      {(
        [
          "type",
          "source",
          "recipient",
          "group",
          "queue",
          "from",
          "before",
          "sentFrom",
          "sentBefore",
        ] as const
      ).map(
        (name) =>
          filters[name] !== undefined && (
            <ChosenFilter
              key={name}
              name={nameOf(name)}
              value={valueOf(filters[name], zone)}
              title={filters[name]}
              onRemove={() => set({ [name]: undefined })}
            />
          ),
      )}
    </Filters>
  );
}

const valueOf = (value: string, zone: string) => {
  if (prefixOf(value)) return shortenId(value);
  return readInstant(value) === undefined ? value : formatFull(value, zone);
};

const nameOf = (name: string) =>
  name === "sentFrom" ? "sent from" : name === "sentBefore" ? "sent before" : toWords(name);

/** Takes an id of a source, a recipient, a batch or digest, or the key of a type. */
function Finder({ set }: { set: (changed: DeliveryFilters) => void }) {
  const [fault, setFault] = useState(false);
  const id = useId();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const found = new FormData(form).get("find");
    const text = typeof found === "string" ? found.trim() : "";
    if (text === "") return;
    const prefix = prefixOf(text);
    if (prefix === "cmp" || prefix === "ntf") set({ source: text });
    else if (prefix === "rcp") set({ recipient: text });
    else if (prefix === "grp") set({ group: text });
    else if (/^[a-z0-9][a-z0-9._-]{0,99}$/.test(text)) set({ type: text });
    else return setFault(true);
    form.reset();
  };
  return (
    <form className={styles.finder} onSubmit={submit}>
      <input
        name="find"
        aria-label="Filter by a type, or by the id of a source, recipient or group"
        onChange={() => setFault(false)}
        aria-invalid={fault}
        aria-describedby={fault ? id : undefined}
        placeholder="Type or id"
        autoComplete="off"
        spellCheck={false}
      />
      {fault && (
        <span id={id} role="alert" className={styles.fault}>
          Enter the key of a type, or an id that begins with rcp_, cmp_, ntf_ or grp_.
        </span>
      )}
    </form>
  );
}
