import { Link } from "@tanstack/react-router";
import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import { IconButton } from "../parts/button.tsx";
import { useNow } from "../parts/now.ts";
import { Chip, StatusChip } from "../parts/status-chip.tsx";
import { shortenId } from "../parts/short-id.tsx";
import { formatFull } from "../words/instants.ts";
import { formatCount } from "../words/numbers.ts";
import type { Entry, EntryKind } from "./timeline-entries.ts";
import styles from "./timeline-list.module.css";

const shownEntries = 100;

/** The entries of a timeline in the order of time: the same as the picture shows, to read and to follow. */
export function TimelineList({ entries, zone }: { entries: readonly Entry[]; zone: string }) {
  const now = useNow().getTime();
  // What comes is more interesting than what was: of a long list the beginning is left out.
  const firstComing = entries.findIndex(({ at, until }) => Date.parse(until ?? at) >= now);
  const start = Math.max(
    0,
    Math.min(
      entries.length - shownEntries,
      (firstComing < 0 ? entries.length : firstComing) - shownEntries / 2,
    ),
  );
  const shown = entries.slice(start, start + shownEntries);
  return (
    <>
      <ol className={styles.list}>
        {shown.map((entry) => (
          <li key={entry.key} data-past={Date.parse(entry.until ?? entry.at) < now}>
            <span className={styles.at}>
              <time dateTime={entry.at}>{formatFull(entry.at, zone)}</time>
              {entry.until !== undefined && (
                <>
                  {" – "}
                  <time dateTime={entry.until}>{formatFull(entry.until, zone)}</time>
                </>
              )}
            </span>
            <KindChip kind={entry.kind} />
            <span className={styles.words}>
              {entry.words}
              <Engaged word="opened" at={entry.openedAt} zone={zone} />
              <Engaged word="clicked" at={entry.clickedAt} zone={zone} />
            </span>
            {entry.delivery !== undefined && <WhyLink id={entry.delivery} />}
          </li>
        ))}
      </ol>
      {shown.length < entries.length && (
        <p className={`muted ${styles.end}`}>
          Shown: {formatCount(shown.length)} of {formatCount(entries.length)}. The picture has all
          of them.
        </p>
      )}
    </>
  );
}

function Engaged({
  word,
  at,
  zone,
}: {
  word: string;
  at?: string | null | undefined;
  zone: string;
}) {
  return at ? (
    <span className={styles.engaged}>
      {" "}
      · {word} <time dateTime={at}>{formatFull(at, zone)}</time>
    </span>
  ) : null;
}

const WhyLink = ({ id }: { id: string }) => (
  <Link
    to="."
    search={(before: Record<string, unknown>) => ({ ...before, peek: undefined, why: id }) as never}
    aria-label={`Why, ${shortenId(id)}`}
  >
    Why
  </Link>
);

const chips: Partial<Record<EntryKind, Parameters<typeof Chip>[0]>> = {
  quiet_hours: { tone: "pending", icon: "moon", word: "Quiet" },
  do_not_disturb: { tone: "pending", icon: "moon", word: "Quiet" },
  digest: { tone: "sending", icon: "clock", word: "Digest" },
  closing: { tone: "sending", icon: "queue", word: "Closes" },
  waiting: { tone: "pending", icon: "clock", word: "Waits" },
  snoozed: { tone: "pending", icon: "clock", word: "Comes back" },
  snooze: { tone: "pending", icon: "clock", word: "Snoozed" },
  projected: { tone: "pending", icon: "arrow", word: "Later stage" },
  preview: { tone: "unknown", icon: "question", word: "What if" },
};

function KindChip({ kind }: { kind: EntryKind }) {
  const chip = chips[kind];
  // What is not one of the kinds above is a status.
  return chip ? <Chip {...chip} /> : <StatusChip status={kind as DeliveryStatus} />;
}

/** Opens the drawer that explains a delivery. */
export const WhyButton = ({ id, onShow }: { id: string; onShow: () => void }) => (
  <IconButton icon="question" tabIndex={-1} label={`Why, ${shortenId(id)} (w)`} onClick={onShow} />
);
