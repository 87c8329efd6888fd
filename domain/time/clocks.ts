/** A time during which the clocks of a place run evenly. */
export interface ClockSpan {
  /** Milliseconds that the local clock is ahead of UTC. */
  offset: number;
  /** The first instant after it, in epoch milliseconds. The next may have the same offset. */
  end: number;
}

/** A release of IANA's time zone data, from wherever it was read. */
export interface ClockData {
  /** As IANA names it: "2026f". Of two the later one is the greater text. */
  version: string;
  /** `system`: the files of the machine. `node`: what this Node.js brings. */
  source: "system" | "node";
  /** When the release has come out at the latest, in epoch milliseconds. */
  releasedBy: number;
  /** A name or link in the spelling of the data, whatever the case it is given in; null where the data has no such name. */
  nameOf: (given: string) => string | null;
  /**
   * How the clocks of a zone run from one instant to another, in epoch milliseconds: the first span holds `from`, the last ends
   * at `to`. The name is in the spelling of the data.
   */
  spansBetween: (name: string, from: number, to: number) => ClockSpan[];
}

/** The end of the year of a release, in epoch milliseconds: by then it has come out. */
export const endOfYearOf = (version: string): number =>
  Date.UTC(Number(version.slice(0, 4)) + 1, 0, 1);
