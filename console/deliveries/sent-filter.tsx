import { type FormEvent, useId, useRef } from "react";
import { hourMs } from "../../domain/time/durations.ts";
import { Button } from "../parts/button.tsx";
import filters from "../parts/filters.module.css";
import { Icon } from "../parts/icon.tsx";
import { useZone } from "../parts/instant.tsx";
import { placePopover } from "../parts/place-popover.ts";
import popover from "../parts/popover.module.css";
import { toInstant } from "../words/local-input.ts";
import type { DeliveryFilters } from "./search.ts";
import styles from "./sent-filter.module.css";

const spans = [
  [1, "Last hour"],
  [24, "Last 24 hours"],
  [168, "Last 7 days"],
  [720, "Last 30 days"],
] as const;

type Sent = Pick<DeliveryFilters, "sentFrom" | "sentBefore">;

/** Chooses when a provider accepted the messages: in the last hours or days, or between two instants by the clocks of the page. */
export function SentFilter({
  sent: { sentFrom, sentBefore },
  onChange,
}: {
  sent: Sent;
  onChange: (sent: Sent) => void;
}) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const zone = useZone();
  const choose = (sent: Sent) => {
    box.current!.hidePopover();
    onChange(sent);
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const read = (name: string) => {
      const local = given.get(name);
      return typeof local === "string" && local !== "" ? toInstant(local, zone) : undefined;
    };
    choose({ sentFrom: read("from"), sentBefore: read("before") });
  };
  const field = (name: string, label: string, at: string | undefined) => (
    <label className={styles.field}>
      {label} ({zone})
      <input
        key={at}
        type="datetime-local"
        name={name}
        defaultValue={at === undefined ? "" : localOf(at, zone)}
      />
    </label>
  );
  return (
    <span>
      <button
        type="button"
        className={filters.button}
        data-chosen={sentFrom !== undefined || sentBefore !== undefined}
        popoverTarget={id}
        onClick={({ currentTarget }) => placePopover(currentTarget, box.current!)}
      >
        Sent
        <Icon name="down" size={12} />
      </button>
      <div
        ref={box}
        id={id}
        popover="auto"
        className={`${popover.popover} ${popover.list}`}
        role="group"
        aria-label="Sent"
      >
        <div className={popover.entries}>
          {spans.map(([hours, name]) => (
            <button
              key={hours}
              type="button"
              onClick={() =>
                choose({ sentFrom: new Date(Date.now() - hours * hourMs).toISOString() })
              }
            >
              {name}
            </button>
          ))}
        </div>
        <form className={styles.form} onSubmit={submit}>
          {field("from", "From", sentFrom)}
          {field("before", "Before", sentBefore)}
          <Button type="submit">Show this time</Button>
        </form>
      </div>
    </span>
  );
}

/** An instant as a field of the browser for a local time has it, to the minute. */
const localOf = (at: string, zone: string) =>
  new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" })
    .format(new Date(at))
    .replace(" ", "T");
