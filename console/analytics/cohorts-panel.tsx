import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useNow } from "../parts/now.ts";
import { Panel } from "../parts/page.tsx";
import { Segments } from "../parts/segments.tsx";
import { Empty } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { formatCount, formatNoun, formatShare } from "../words/numbers.ts";
import styles from "./cohorts-panel.module.css";
import { countShownWeeks, inAllOf, poolOf, rowsOf, type WeekShare } from "./cohorts.ts";
import { type Cohort, cohortsQuery } from "./queries.ts";
import { ReportPart } from "./report-part.tsx";
import type { AnalyticsSearch, CohortFigure } from "./search.ts";

const figureWords: Record<CohortFigure, string> = {
  opened: "Opened",
  clicked: "Clicked",
  acted: "Acted on",
};
const shades = 5;
/** The most weeks of hand-overs that are shown, which are about three months. */
const maxShownRows = 13;

const dayOf = new Intl.DateTimeFormat("en-GB", {
  day: "2-digit",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});

/** How many weeks after the hand-over messages had their first engagement, by the week of the hand-over. */
export function CohortsPanel({ search, zone }: { search: AnalyticsSearch; zone: string }) {
  const navigate = useNavigate({ from: "/analytics" });
  const figure = search.cohorts ?? "opened";
  const query = useQuery(cohortsQuery(search, zone));
  return (
    <Panel
      title="Weeks until engagement"
      isFlush
      aside={
        <Segments
          label="What the weeks show"
          values={figureWords}
          chosen={figure}
          onChange={(chosen) =>
            void navigate({ search: (now) => ({ ...now, cohorts: chosen }), replace: true })
          }
        />
      }
    >
      <ReportPart what="the weeks" query={query}>
        {({ cohorts, previous }) =>
          cohorts.every(({ handedOver }) => handedOver === 0) ? (
            <Empty title="No message was handed over in these weeks">
              Messages of the last quarter hour are not counted yet.
            </Empty>
          ) : (
            <Weeks
              cohorts={cohorts}
              previous={search.compare === "off" ? [] : previous}
              figure={figure}
            />
          )
        }
      </ReportPart>
    </Panel>
  );
}

function Weeks({
  cohorts,
  previous,
  figure,
}: {
  cohorts: readonly Cohort[];
  previous: readonly Cohort[];
  figure: CohortFigure;
}) {
  const nowMs = useNow().getTime();
  const columns = countShownWeeks([...cohorts, ...previous], figure);
  const rows = rowsOf(cohorts, figure, columns, nowMs);
  const before = rowsOf(previous, figure, columns, nowMs);
  const shown = rows.slice(0, maxShownRows);
  const most = Math.max(...shown.flatMap(({ shares }) => shares.map((each) => each?.value ?? 0)));
  const word = figureWords[figure].toLowerCase();
  const pooled = [
    ...(rows.length > 1 ? [["All weeks", rows] as const] : []),
    ...(before.length > 0 ? [["Period before", before] as const] : []),
  ];
  return (
    <>
      {/* A wide table that is scrolled has to be reached by the keyboard. */}
      <div
        className={table.scroll}
        role="region"
        aria-label="Weeks after the hand-over"
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
      >
        <table className={`${table.table} ${styles.weeks}`}>
          <caption className="hidden-text">
            Share of the messages of a week that were {word} for the first time, by weeks after the
            week of the hand-over
          </caption>
          <thead>
            <tr>
              <th scope="col">Week from</th>
              <th scope="col" className={table.number}>
                Messages
              </th>
              <th scope="col" className={`${table.number} ${table.wide}`}>
                Until now
              </th>
              {Array.from({ length: columns }, (_, since) => (
                <th key={since} scope="col" className={styles.share}>
                  {since === 0 ? "Same week" : `+${formatNoun(since, "week")}`}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map(({ week, handedOver, inAll, shares }) => (
              <tr key={week}>
                <th scope="row">{dayOf.format(Date.parse(week))}</th>
                <td className={table.number}>{formatCount(handedOver)}</td>
                <UntilNow share={inAll} word={word} />
                <Shares shares={shares} most={most} word={word} />
              </tr>
            ))}
          </tbody>
          {pooled.length > 0 && (
            <tfoot>
              {pooled.map(([name, of]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td className={table.number}>{formatCount(inAllOf(of).denominator)}</td>
                  <UntilNow share={inAllOf(of)} word={word} />
                  <Shares shares={poolOf(of, columns)} most={most} word={word} />
                </tr>
              ))}
            </tfoot>
          )}
        </table>
      </div>
      <p className={`muted ${styles.note}`}>
        {rows.length > shown.length &&
          `The newest ${maxShownRows} of ${rows.length} weeks are shown; choose an earlier time to see the others. `}
        The messages of a week are those handed over in it. Each counts once, in the week of its
        first engagement. Weeks begin on Monday (UTC); “…” marks a week that is not over, which the
        weeks together leave out. Only the channel restricts them, not the other filters.
      </p>
    </>
  );
}

const UntilNow = ({ share, word }: { share: WeekShare; word: string }) => (
  <td className={`${table.number} ${table.wide}`} title={describe(share, word)}>
    {formatShare(share.value)}
  </td>
);

function Shares({
  shares,
  most,
  word,
}: {
  shares: readonly (WeekShare | null)[];
  most: number;
  word: string;
}) {
  return shares.map((each, since) => (
    // A row has each number of weeks once, in this order.
    // oxlint-disable-next-line react/no-array-index-key
    <td key={since} className={styles.share}>
      {each === null ? (
        <span className="hidden-text">not yet</span>
      ) : (
        <span
          className={styles.mark}
          data-shade={most === 0 ? 0 : Math.ceil((each.value / most) * shades)}
          title={describe(each, word)}
        >
          {formatShare(each.value)}
          {each.isOpen && (
            <>
              <span aria-hidden="true">…</span>
              <span className="hidden-text"> so far</span>
            </>
          )}
        </span>
      )}
    </td>
  ));
}

const describe = ({ count, denominator, isOpen }: WeekShare, word: string) =>
  `${formatCount(count)} of ${formatNoun(denominator, "message")} ${word}${isOpen ? " so far" : ""}`;
