import type { Cohort } from "./queries.ts";
import type { CohortFigure } from "./search.ts";

const weekMs = 7 * 86_400_000;
/** The most weeks after the hand-over that are shown. */
const maxShownWeeks = 8;

/** The share of messages that had a first engagement in one week. */
export interface WeekShare {
  value: number;
  count: number;
  denominator: number;
  /** Whether the week is not over, so that the share may still grow. */
  isOpen: boolean;
}

interface CohortRow {
  week: string;
  handedOver: number;
  /** In all weeks until now. */
  inAll: WeekShare;
  /** By the number of weeks after that of the hand-over; null where nothing was handed over, or the week has not begun. */
  shares: (WeekShare | null)[];
}

const share = (count: number, denominator: number, isOpen: boolean): WeekShare => ({
  value: count / denominator,
  count,
  denominator,
  isOpen,
});

const countIn = ({ weeks }: Cohort, figure: CohortFigure, since: number) =>
  weeks.find(({ weeksSince }) => weeksSince === since)?.[figure] ?? 0;

const beginningOf = ({ week }: Cohort, since: number) =>
  Date.parse(`${week}T00:00:00Z`) + since * weekMs;

/** How many columns the weeks after the hand-over need: those in which somebody engaged, and at least the first. */
export const countShownWeeks = (cohorts: readonly Cohort[], figure: CohortFigure): number =>
  Math.min(
    maxShownWeeks,
    1 +
      Math.max(
        0,
        ...cohorts.flatMap(({ weeks }) =>
          weeks.filter((each) => each[figure] > 0).map(({ weeksSince }) => weeksSince),
        ),
      ),
  );

/** The rows of a table of cohorts, the newest week first. */
export const rowsOf = (
  cohorts: readonly Cohort[],
  figure: CohortFigure,
  columns: number,
  nowMs: number,
): CohortRow[] =>
  cohorts
    .filter(({ handedOver }) => handedOver > 0)
    .map((cohort) => ({
      week: cohort.week,
      handedOver: cohort.handedOver,
      inAll: share(
        cohort.weeks.reduce((sum, each) => sum + each[figure], 0),
        cohort.handedOver,
        true,
      ),
      shares: Array.from({ length: columns }, (_, since) =>
        beginningOf(cohort, since) > nowMs
          ? null
          : share(
              countIn(cohort, figure, since),
              cohort.handedOver,
              beginningOf(cohort, since + 1) > nowMs,
            ),
      ),
    }))
    .toSorted((a, b) => (a.week < b.week ? 1 : -1));

/** The share of the messages of several cohorts with an engagement until now. */
export function inAllOf(rows: readonly CohortRow[]): WeekShare {
  const sum = (of: "count" | "denominator") =>
    rows.reduce((total, { inAll }) => total + inAll[of], 0);
  return share(sum("count"), sum("denominator"), true);
}

/** The shares of several cohorts together. Each week counts only the cohorts for which it is over: the others would make it smaller than it will be. */
export const poolOf = (rows: readonly CohortRow[], columns: number): (WeekShare | null)[] =>
  Array.from({ length: columns }, (_, since) => {
    const over = rows.flatMap(({ shares }) => {
      const each = shares[since];
      return each && !each.isOpen ? [each] : [];
    });
    if (over.length === 0) return null;
    const sum = (of: "count" | "denominator") => over.reduce((total, each) => total + each[of], 0);
    return share(sum("count"), sum("denominator"), false);
  });
