import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Columns, Stack } from "../parts/columns.tsx";
import { ExportMenu } from "../parts/export-menu.tsx";
import { Button } from "../parts/button.tsx";
import { useZone } from "../parts/instant.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Empty, FilteredToNothing } from "../parts/states.tsx";
import { BreakdownPanel } from "./breakdown-panel.tsx";
import { CohortsPanel } from "./cohorts-panel.tsx";
import { FilterBar } from "./filter-bar.tsx";
import { FunnelPanel } from "./funnel-panel.tsx";
import { OutcomesPanel } from "./outcomes-panel.tsx";
import { type Overview, overviewQuery, reportQuery } from "./queries.ts";
import { RateCards } from "./rate-cards.tsx";
import { ReportPart } from "./report-part.tsx";
import { filtersOf } from "./search.ts";
import { SegmentsPanel } from "./segments-panel.tsx";
import { SendTimesPanel } from "./send-times-panel.tsx";
import styles from "./screen.module.css";
import { rateNames, rateWords } from "./words.ts";

const route = getRouteApi("/analytics");

/** What became of deliveries: rates, outcomes over time, breakdowns, and when recipients engage. */
export function AnalyticsScreen() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const zone = useZone();
  const query = useQuery(overviewQuery(search, zone));
  const clear = () =>
    void navigate({
      search: (now) => ({
        ...now,
        channel: undefined,
        type: undefined,
        source: undefined,
        provider: undefined,
      }),
    });
  return (
    <Page
      title="Analytics"
      documentTitle="Analytics"
      actions={
        <>
          <Button onClick={() => window.print()}>Print</Button>
          <ExportMenu
            list="analytics"
            query={{ ...reportQuery(search, zone), report: search.by ?? "channels" }}
          />
        </>
      }
    >
      <FilterBar search={search} zone={zone} />
      <Stack>
        <ReportPart what="the report" query={query}>
          {(report) =>
            report.total.counts.accepted === 0 && report.total.counts.bounced === 0 ? (
              <Panel>
                {Object.keys(filtersOf(search)).length > 0 ? (
                  <FilteredToNothing what="deliveries" onClear={clear} />
                ) : (
                  <Empty title="Nothing ended in this time">
                    Deliveries appear here once they are handed over. Choose a longer time to see
                    earlier ones.
                  </Empty>
                )}
              </Panel>
            ) : (
              <Stack>
                <RateCards
                  total={report.total}
                  previous={search.compare === "off" ? null : report.previous}
                  definitions={report.definitions}
                />
                <OutcomesPanel report={report} search={search} zone={zone} />
              </Stack>
            )
          }
        </ReportPart>
        <BreakdownPanel search={search} zone={zone} />
        <Columns>
          <FunnelPanel search={search} zone={zone} />
          <SegmentsPanel />
        </Columns>
        <SendTimesPanel search={search} zone={zone} />
        <CohortsPanel search={search} zone={zone} />
        {query.data && <Definitions definitions={query.data.definitions} />}
      </Stack>
    </Page>
  );
}

/** What each rate is a share of. */
function Definitions({ definitions }: { definitions: Overview["definitions"] }) {
  return (
    <Panel title="What the rates mean">
      <dl className={styles.definitions}>
        {rateNames.map((name) => (
          <div key={name}>
            <dt>{rateWords[name]}</dt>
            <dd>
              Of the {definitions[name].denominator}: {definitions[name].numerator}.
            </dd>
          </div>
        ))}
      </dl>
      <p className="muted">
        What happens later, such as a click after three weeks, counts in the time of the hand-over.
        With a probability of 95%, the rate of very many such messages is within the interval.
      </p>
    </Panel>
  );
}
