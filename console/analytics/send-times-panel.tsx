import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Panel } from "../parts/page.tsx";
import { Segments } from "../parts/segments.tsx";
import { Empty } from "../parts/states.tsx";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { type Hour, sendTimesQuery } from "./queries.ts";
import { ReportPart } from "./report-part.tsx";
import type { AnalyticsSearch, HourFigure } from "./search.ts";
import styles from "./send-times-panel.module.css";
import { formatRate, weekdays } from "./words.ts";

const figureWords: Record<HourFigure, string> = {
  openRate: "Open rate",
  clickRate: "Click rate",
  handedOver: "Messages",
};
const shades = 5;
const clock = (hour: number) => `${String(hour).padStart(2, "0")}:00`;
const valueOf = (hour: Hour, figure: HourFigure) =>
  figure === "handedOver" ? hour.handedOver : (hour[figure].value ?? 0);

/** At which hours of the recipients' week messages are opened most. */
export function SendTimesPanel({ search, zone }: { search: AnalyticsSearch; zone: string }) {
  const navigate = useNavigate({ from: "/analytics" });
  const figure = search.hours ?? "openRate";
  const query = useQuery(sendTimesQuery(search, zone));
  return (
    <Panel
      title="Send times"
      aside={
        <Segments
          label="What the hours show"
          values={figureWords}
          chosen={figure}
          onChange={(chosen) =>
            void navigate({ search: (now) => ({ ...now, hours: chosen }), replace: true })
          }
        />
      }
    >
      <ReportPart what="the send times" query={query}>
        {({ hours, best }) =>
          hours.every(({ handedOver }) => handedOver === 0) ? (
            <Empty title="No message was handed over in these weeks">
              Messages of the last quarter hour are not counted yet.
            </Empty>
          ) : (
            <>
              <p className={styles.best}>
                {best.length === 0
                  ? "No hour stands out yet: that needs at least 50 messages in an hour, and opens."
                  : `Opened most: ${best
                      .map(
                        (hour) =>
                          `${weekdays[hour.weekday - 1]} ${clock(hour.hour)} (${formatRate(hour.openRate)} of ${formatCount(hour.handedOver)})`,
                      )
                      .join(", ")}.`}
              </p>
              <Week hours={hours} figure={figure} />
              <p className="muted">
                Whole weeks, by the recipients’ clocks at the hand-over. Only the channel restricts
                them, not the other filters.
              </p>
            </>
          )
        }
      </ReportPart>
    </Panel>
  );
}

function Week({ hours, figure }: { hours: readonly Hour[]; figure: HourFigure }) {
  const most = Math.max(...hours.map((hour) => valueOf(hour, figure)));
  const shadeOf = (hour: Hour) =>
    hour.handedOver === 0 || most === 0
      ? undefined
      : Math.ceil((valueOf(hour, figure) / most) * shades);
  return (
    // A wide table that is scrolled has to be reached by the keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={styles.scroll} role="region" aria-label="Hours of the week" tabIndex={0}>
      <table className={styles.week}>
        <caption className="hidden-text">
          {figureWords[figure]} by weekday and hour of the hand-over, by the recipients’ clocks
        </caption>
        <thead>
          <tr>
            <th scope="col">
              <span className="hidden-text">Weekday</span>
            </th>
            {Array.from({ length: 24 }, (_, hour) => (
              <th key={hour} scope="col">
                <span aria-hidden="true">{hour % 3 === 0 ? hour : ""}</span>
                <span className="hidden-text">{clock(hour)}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {weekdays.map((weekday, day) => (
            <tr key={weekday}>
              <th scope="row">{weekday}</th>
              {hours.slice(day * 24, (day + 1) * 24).map((hour) => (
                <td
                  key={hour.hour}
                  data-shade={shadeOf(hour)}
                  title={`${weekday} ${clock(hour.hour)}: ${describe(hour)}`}
                >
                  <span className="hidden-text">{describe(hour)}</span>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const describe = (hour: Hour) =>
  hour.handedOver === 0
    ? "none"
    : `${formatNoun(hour.handedOver, "message")}, ${formatRate(hour.openRate)} opened, ${formatRate(hour.clickRate)} clicked`;
