import { useSearch } from "@tanstack/react-router";
import { useNow } from "./now.ts";
import { formatFull, formatRelative, formatShort, zoneName } from "../words/instants.ts";

/** The IANA name of the time zone in which this page shows instants. */
export function useZone(): string {
  const { tz } = useSearch({ from: "__root__" });
  return zoneName(tz ?? "mine");
}

/** An instant in a column. The heading of the column names the zone; the tooltip has the whole instant. */
export function ShortInstant({ at }: { at: string }) {
  const zone = useZone();
  const now = useNow();
  return (
    <time dateTime={at} title={`${formatFull(at, zone)}, ${formatRelative(at, now)}`}>
      {formatShort(at, zone, now)}
    </time>
  );
}

/** An instant with its zone, and how far it is from now. */
export function Instant({ at }: { at: string }) {
  const [zone, now] = [useZone(), useNow()];
  return (
    <time dateTime={at}>
      {formatFull(at, zone)} <span className="muted">({formatRelative(at, now)})</span>
    </time>
  );
}
