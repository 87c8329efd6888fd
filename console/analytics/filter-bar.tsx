import { useNavigate } from "@tanstack/react-router";
import { channels } from "../../domain/channel.ts";
import { ChosenFilter, Choice, Filters } from "../parts/filters.tsx";
import { useNow } from "../parts/now.ts";
import { shortenId } from "../parts/short-id.tsx";
import { channelWords } from "../words/statuses.ts";
import styles from "./filter-bar.module.css";
import { type AnalyticsSearch, presetRange, type Range, ranges } from "./search.ts";

const rangeWords: Record<Range, string> = {
  "1": "Last 24 hours",
  "7": "Last 7 days",
  "30": "Last 30 days",
  "90": "Last 90 days",
  "365": "Last 365 days",
};
const own = "own";

/** The time and the filters of the analytics. They are in the address. */
export function FilterBar({ search, zone }: { search: AnalyticsSearch; zone: string }) {
  const navigate = useNavigate({ from: "/analytics" });
  const set = (changed: AnalyticsSearch) =>
    void navigate({ search: (now) => ({ ...now, ...changed }), replace: true });
  const { range, from, to, channel, type, source, provider } = search;
  const isOwn = from !== undefined && to !== undefined;
  const today = new Intl.DateTimeFormat("sv-SE", { timeZone: zone }).format(useNow());
  const chooseRange = (value: string) =>
    value === own
      ? set({ range: undefined, from: today, to: today })
      : set({ range: value as Range, from: undefined, to: undefined });
  const setDays = (days: { from: string; to: string }) => {
    if (days.from !== "" && days.to !== "")
      set(days.from <= days.to ? days : { from: days.to, to: days.from });
  };
  return (
    <Filters
      isAny={[channel, type, source, provider].some((each) => each !== undefined)}
      onClear={() =>
        set({ channel: undefined, type: undefined, source: undefined, provider: undefined })
      }
    >
      <select
        className={styles.control}
        aria-label="Time"
        value={isOwn ? own : (range ?? presetRange)}
        onChange={({ target }) => chooseRange(target.value)}
      >
        {ranges.map((each) => (
          <option key={each} value={each}>
            {rangeWords[each]}
          </option>
        ))}
        <option value={own}>From day to day</option>
      </select>
      {isOwn && (
        <>
          <input
            className={styles.control}
            type="date"
            aria-label={`First day (${zone})`}
            value={from}
            onChange={({ target }) => setDays({ from: target.value, to })}
          />
          <input
            className={styles.control}
            type="date"
            aria-label={`Last day (${zone})`}
            value={to}
            onChange={({ target }) => setDays({ from, to: target.value })}
          />
        </>
      )}
      <label className={styles.compare}>
        <input
          type="checkbox"
          checked={search.compare === undefined}
          onChange={({ target }) => set({ compare: target.checked ? undefined : "off" })}
        />
        Compare with the period before
      </label>
      <Choice
        name="Channel"
        values={channels}
        words={(each) => channelWords[each]}
        chosen={channel ?? []}
        onChange={(chosen) => set({ channel: chosen.length > 0 ? chosen : undefined })}
      />
      {type !== undefined && (
        <ChosenFilter
          name="Type"
          value={type}
          title={type}
          onRemove={() => set({ type: undefined })}
        />
      )}
      {source !== undefined && (
        <ChosenFilter
          name="Campaign"
          value={shortenId(source)}
          title={source}
          onRemove={() => set({ source: undefined })}
        />
      )}
      {provider !== undefined && (
        <ChosenFilter
          name="Provider"
          value={provider}
          title={provider}
          onRemove={() => set({ provider: undefined })}
        />
      )}
    </Filters>
  );
}
