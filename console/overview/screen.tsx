import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { campaignsQuery } from "../campaigns/queries.ts";
import { healthQuery } from "../health/queries.ts";
import {
  createdTodayQuery,
  digestsQuery,
  endedTodayQuery,
  firstStepsQuery,
  keysQuery,
} from "./queries.ts";
import { Failures } from "./failures.tsx";
import { RecentChanges } from "./recent-changes.tsx";
import { deliveryRates, hoursOf, openAtEnds, sentByCampaigns } from "./trends.ts";
import { includesRole, useSession } from "../api/session.ts";
import { Columns, Stack } from "../parts/columns.tsx";
import { useNow } from "../parts/now.ts";
import { providersQuery } from "../providers/queries.ts";
import { queuesQuery } from "../queue/queries.ts";
import { templatesQuery } from "../templates/queries.ts";
import { Page, Panel } from "../parts/page.tsx";
import { Empty, Failed, Loading } from "../parts/states.tsx";
import { formatCount, formatShare } from "../words/numbers.ts";
import { listConcerns } from "./concerns.ts";
import { Concerns } from "./concerns-list.tsx";
import { FirstSteps } from "./first-steps.tsx";
import { HealthWord } from "./health-word.tsx";
import { RunningCampaign } from "./running-campaign.tsx";
import { StatCard } from "./stat-card.tsx";
import styles from "./screen.module.css";

/** How many campaigns are shown with their progress. */
const shownCampaigns = 5;
const countedTemplates = 200;

const rateFormat = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const formatRate = (perSecond: number) => rateFormat.format(perSecond);

/** The values with the hours that they belong to. */
const hourly = <Value,>(values: Value[], stats: Parameters<typeof hoursOf>[0]) => ({
  values,
  hours: hoursOf(stats, values.length),
});

/** What is going on, and whether anything needs attention. */
export function OverviewScreen() {
  const health = useQuery(healthQuery);
  const queues = useQuery(queuesQuery);
  const templates = useQuery(
    templatesQuery({ archived: "false", limit: String(countedTemplates) }),
  );
  const campaigns = useQuery(campaignsQuery({ status: "running,paused", limit: "50" }));
  const providers = useQuery(providersQuery);
  const steps = useQuery(firstStepsQuery);
  const ended = useQuery(endedTodayQuery).data;
  const created = useQuery(createdTodayQuery).data;
  const digests = useQuery(digestsQuery).data;
  const { role } = useSession();
  const keys = useQuery({ ...keysQuery, enabled: includesRole(role, "admin") }).data;
  const now = useNow();

  const running = campaigns.data?.items.filter(({ status }) => status === "running");
  const rate = health.data?.indicators.deliveryRate;
  const throughput = health.data?.indicators.throughput.value;
  const isFirstDay = steps.data && Object.values(steps.data).some((isDone) => !isDone);
  return (
    <Page title="Overview" documentTitle="Overview">
      <Stack>
        <HealthWord query={health} />
        <div className={styles.cards}>
          <StatCard
            name="Active templates"
            link={{ to: "/templates" }}
            query={templates}
            value={({ items, nextCursor }) =>
              `${formatCount(items.length)}${nextCursor === null ? "" : "+"}`
            }
            note={() => "Templates that are not archived"}
          />
          <StatCard
            name="Running campaigns"
            link={{ to: "/campaigns", search: { status: ["running"] } }}
            query={campaigns}
            value={() => formatCount(running?.length ?? 0)}
            note={({ items }) => `${formatCount(items.length - (running?.length ?? 0))} paused`}
            trend={
              ended && {
                caption: "Messages of campaigns that were sent",
                ...hourly(sentByCampaigns(ended), ended),
                format: formatCount,
              }
            }
          />
          <StatCard
            name="Queue size"
            link={{ to: "/queue" }}
            query={queues}
            value={({ total }) => formatCount(total.waiting + total.sending)}
            note={({ total }) =>
              `${formatCount(total.due)} due now, ${formatCount(total.sending)} being sent`
            }
            word={health.data?.indicators.backlog.word}
            trend={
              ended && created && queues.data
                ? {
                    caption: "Open deliveries at the end of the hour",
                    ...hourly(
                      openAtEnds(
                        queues.data.total.waiting + queues.data.total.sending,
                        created,
                        ended,
                      ),
                      created,
                    ),
                    format: formatCount,
                  }
                : undefined
            }
          />
          <StatCard
            name="Delivery rate"
            link={{ to: "/deliveries", search: { status: ["failed"] } }}
            query={health}
            value={() => (rate?.value == null ? "–" : formatShare(rate.value))}
            note={({ windowSeconds }) =>
              rate?.value == null
                ? "Nothing was sent or failed lately"
                : `Sent rather than failed, in the last ${Math.max(1, Math.round(windowSeconds / 60))} min`
            }
            word={rate?.word}
            trend={
              ended && {
                caption: "Delivery rate",
                ...hourly(deliveryRates(ended), ended),
                format: formatShare,
                range: [Math.min(0.9, ...deliveryRates(ended).filter((each) => each !== null)), 1],
              }
            }
          />
        </div>
        <Columns isFirstWider>
          <Stack>
            {isFirstDay && <FirstSteps done={steps.data} />}
            <Panel
              title="Running campaigns"
              isFlush
              aside={
                <span className={styles.aside}>
                  {throughput != null && (
                    <span className="muted figures">
                      {formatRate(throughput)} messages a minute
                    </span>
                  )}
                  <Link to="/campaigns" className={styles.more}>
                    All campaigns
                  </Link>
                </span>
              }
            >
              {running === undefined ? (
                campaigns.error ? (
                  <Failed
                    what="the campaigns"
                    error={campaigns.error}
                    retry={() => void campaigns.refetch()}
                  />
                ) : (
                  <Loading what="the campaigns" rows={3} />
                )
              ) : running.length === 0 ? (
                <Empty icon="campaigns" title="No campaign is running">
                  A campaign that is started appears here, with its progress.
                </Empty>
              ) : (
                <ul>
                  {running.slice(0, shownCampaigns).map((campaign) => (
                    <RunningCampaign key={campaign.id} campaign={campaign} />
                  ))}
                </ul>
              )}
            </Panel>
            <RecentChanges />
          </Stack>
          <Stack>
            <Panel title="Needs attention" isFlush>
              {health.data && providers.data && campaigns.data ? (
                <Concerns
                  concerns={listConcerns({
                    health: health.data,
                    providers: providers.data.items,
                    paused: campaigns.data.items.filter(({ status }) => status === "paused"),
                    digests: digests?.items ?? [],
                    keys: keys?.items ?? [],
                    now,
                  })}
                />
              ) : health.error ? (
                <Failed
                  what="the health"
                  error={health.error}
                  retry={() => void health.refetch()}
                />
              ) : (
                <Loading what="what needs attention" rows={4} />
              )}
            </Panel>
            <Failures />
          </Stack>
        </Columns>
      </Stack>
    </Page>
  );
}
