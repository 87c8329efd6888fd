/** A period during which the clocks of a zone keep one offset. */
export interface ClockSpan {
  /** The milliseconds by which the local clock is ahead of UTC. */
  offset: number;
  /** The first instant after the span, in epoch milliseconds. The next span may have the same offset. */
  end: number;
}

/** A release of IANA's time zone data. */
export interface ClockData {
  /** IANA's name of the release, such as "2026f". Names of later releases sort after those of earlier ones. */
  version: string;
  /** `system`: the files of the machine. `node`: the data that is built into Node.js. */
  source: "system" | "node";
  /** The latest possible instant of the release, in epoch milliseconds. */
  releasedBy: number;
  /** Finds a name or link, without regard to case, and returns it in the spelling of the data; null where the data does not contain it. */
  nameOf: (given: string) => string | null;
  /**
   * The spans of a zone between two instants in epoch milliseconds: the first span contains `from`, the last ends
   * at `to`. The name must be in the spelling of the data.
   */
  spansBetween: (name: string, from: number, to: number) => ClockSpan[];
}

/** The end of the year of a release, in epoch milliseconds: the release is not later than that. */
export const endOfYearOf = (version: string): number =>
  Date.UTC(Number(version.slice(0, 4)) + 1, 0, 1);
