import { formatFull } from "../words/instants.ts";
import { formatNoun } from "../words/numbers.ts";
import type { BandDay } from "./band-layout.ts";
import type { EntryKind } from "./timeline-entries.ts";
import styles from "./band.module.css";

const rowHeight = 54;
const laneHeight = 10;
/** The height at which arcs begin and end, and marks of the first lane stand. */
const ground = 20;
const arcHeight = 15;
const centreOf = (lane: number) => ground + lane * laneHeight;

const dayWords = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC",
  weekday: "short",
  day: "2-digit",
  month: "short",
});

/** How a day that is longer or shorter than 24 hours is described; null for one of 24. */
const describeLength = (hours: number): string | null =>
  hours === 24 ? null : `${hours} hours: the clocks go ${hours < 24 ? "forward" : "back"}`;

/** Days as rows, from midnight to midnight by the recipient's clock. The list below it says the same to those who cannot see it. */
export function Band({ days, zone }: { days: readonly BandDay[]; zone: string }) {
  return (
    <div className={styles.band} aria-hidden="true">
      {days.map((day) => (
        <Day key={day.date} day={day} zone={zone} />
      ))}
      <Legend />
    </div>
  );
}

function Day({ day, zone }: { day: BandDay; zone: string }) {
  const length = describeLength(day.hours);
  return (
    <div className={styles.day} data-today={day.now !== null} data-hours={day.hours}>
      <span className={styles.name}>
        {dayWords.format(new Date(day.date))}
        {length !== null && <span className={styles.length}>{length}</span>}
      </span>
      <svg className={styles.row} width="100%" height={rowHeight}>
        <rect className={styles.ground} width={`${day.width}%`} height={rowHeight} />
        {day.quiet.map(({ key, left, width, reason }) => (
          <rect
            key={key}
            className={styles[reason]}
            x={`${left}%`}
            width={`${width}%`}
            height={rowHeight}
          >
            <title>{reason === "quiet_hours" ? "Quiet hours" : "Do not disturb"}</title>
          </rect>
        ))}
        {day.ticks.map(({ left, hour }) => (
          <g key={left}>
            <line className={styles.tick} x1={`${left}%`} x2={`${left}%`} y2={rowHeight} />
            <text className={styles.hour} x={`${left}%`} dx="3" y={rowHeight - 3}>
              {String(hour).padStart(2, "0")}
            </text>
          </g>
        ))}
        {day.now !== null && (
          <line className={styles.now} x1={`${day.now}%`} x2={`${day.now}%`} y2={rowHeight} />
        )}
        {day.arcs.map((arc) => (
          <Arc key={arc.entry.key} {...arc} zone={zone} />
        ))}
        {day.marks.map(({ entry, left, lane, tail }) => (
          <g key={entry.key}>
            {tail !== null && (
              <line
                className={styles.tail}
                x1={`${tail}%`}
                x2={`${left}%`}
                y1={centreOf(lane)}
                y2={centreOf(lane)}
              />
            )}
            <Mark kind={entry.kind} left={left} y={centreOf(lane)}>
              {`${entry.words}, ${formatFull(entry.at, zone)}`}
            </Mark>
          </g>
        ))}
        {day.more.map(({ left, count }) => (
          <text key={left} className={styles.more} x={`${left}%`} y={rowHeight - 3}>
            +{count}
          </text>
        ))}
      </svg>
    </div>
  );
}

/** A part of the arc of a snooze: its height at `t`, from 0 to 1, is that of a parabola, of which each part is a quadratic curve. */
function Arc({
  entry,
  left,
  width,
  begins,
  ends,
  zone,
}: BandDay["arcs"][number] & { zone: string }) {
  const y = (height: number) => ground - arcHeight * height;
  const heightAt = (t: number) => 4 * t * (1 - t);
  const control = 2 * (begins + ends) - 4 * begins * ends;
  return (
    <g>
      <svg
        x={`${left}%`}
        width={`${width}%`}
        height={rowHeight}
        viewBox={`0 0 1 ${rowHeight}`}
        preserveAspectRatio="none"
        overflow="visible"
      >
        <path
          className={styles.arc}
          d={`M0 ${y(heightAt(begins))}Q.5 ${y(control)} 1 ${y(heightAt(ends))}`}
        >
          <title>{`Snoozed: ${entry.words}, ${formatFull(entry.at, zone)} – ${formatFull(entry.until!, zone)}`}</title>
        </path>
      </svg>
      {begins === 0 && <circle className={styles.arcEnd} cx={`${left}%`} cy={ground} r="2.5" />}
      {ends === 1 && (
        <circle className={styles.arcEnd} cx={`${left + width}%`} cy={ground} r="2.5" />
      )}
    </g>
  );
}

function Mark({
  kind,
  left,
  y,
  children,
}: {
  kind: EntryKind;
  left: number;
  y: number;
  children: string;
}) {
  if (kind === "digest" || kind === "closing")
    return (
      <svg x={`${left}%`} y={y} overflow="visible">
        <path
          className={styles.mark}
          data-kind={kind}
          d={kind === "digest" ? "M0-5 5 0 0 5-5 0z" : "M-4-4h8v8h-8z"}
        >
          <title>{children}</title>
        </path>
      </svg>
    );
  return (
    <circle className={styles.mark} data-kind={kind} cx={`${left}%`} cy={y} r="4.5">
      <title>{children}</title>
    </circle>
  );
}

const legend: readonly [EntryKind, string][] = [
  ["waiting", "waits until then"],
  ["sent", "sent"],
  ["suppressed", "not sent, by a rule"],
  ["failed", "failed"],
  ["digest", "digest"],
  ["closing", "batch closes"],
];

function Legend() {
  return (
    <div className={styles.legend}>
      <span>
        <i className={styles.quietSample} /> quiet hours
      </span>
      <span>
        <i className={styles.disturbSample} /> do not disturb
      </span>
      <span>
        <svg width="20" height="12" overflow="visible">
          <path className={styles.arc} d="M2 11Q10-5 18 11" />
        </svg>
        snoozed until then
      </span>
      {legend.map(([kind, words]) => (
        <span key={kind}>
          <svg width="12" height="12" viewBox="-6 -6 12 12" overflow="visible">
            <Mark kind={kind} left={0} y={0}>
              {words}
            </Mark>
          </svg>
          {words}
        </span>
      ))}
    </div>
  );
}

/** What the band shows, for those who cannot see it. */
export function describeBand(days: readonly BandDay[], zone: string): string {
  const changed = days.flatMap(({ date, hours }) => {
    const length = describeLength(hours);
    return length === null ? [] : [`${dayWords.format(new Date(date))} has ${length}`];
  });
  return `${formatNoun(days.length, "day")} by the clock of ${zone}. ${changed.map((text) => `${text}. `).join("")}The list below has everything that the picture shows.`;
}
