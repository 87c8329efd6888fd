import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import type { Channel } from "../../domain/channel.ts";
import { Panel } from "../parts/page.tsx";
import { Segments } from "../parts/segments.tsx";
import { Empty } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { formatCount } from "../words/numbers.ts";
import { channelWords } from "../words/statuses.ts";
import styles from "./breakdown-panel.module.css";
import { breakdownQuery, type Item, type RateName } from "./queries.ts";
import { ReportPart } from "./report-part.tsx";
import { type AnalyticsSearch, deliveriesOf, type Dimension } from "./search.ts";
import { formatChange, formatInterval, formatRate, rateWords } from "./words.ts";

const dimensionWords: Record<Dimension, string> = {
  channels: "Channel",
  types: "Type",
  campaigns: "Campaign",
  templates: "Template",
  providers: "Provider",
};
const nothingWords: Record<Dimension, string> = {
  channels: "No channel",
  types: "Without a type",
  campaigns: "Notifications",
  templates: "Own content",
  providers: "Not handed over",
};
const shownRates = [
  "deliveryRate",
  "openRate",
  "clickRate",
  "unsubscribeRate",
  "bounceRate",
] as const satisfies RateName[];

/** The numbers by channel, type, campaign, template or provider. */
export function BreakdownPanel({ search, zone }: { search: AnalyticsSearch; zone: string }) {
  const navigate = useNavigate({ from: "/analytics" });
  const by = search.by ?? "channels";
  const query = useQuery(breakdownQuery(by, search, zone));
  return (
    <Panel
      title={`By ${dimensionWords[by].toLowerCase()}`}
      aside={
        <Segments
          label="Break down by"
          values={dimensionWords}
          chosen={by}
          onChange={(chosen) =>
            void navigate({ search: (now) => ({ ...now, by: chosen }), replace: true })
          }
        />
      }
      isFlush
    >
      <ReportPart what="the numbers" query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="Nothing ended in this time" />
          ) : (
            <div className={table.scroll}>
              <table className={`${table.table} ${styles.table}`}>
                <thead>
                  <tr>
                    <th scope="col">{dimensionWords[by]}</th>
                    <th scope="col" className={table.number}>
                      Handed over
                    </th>
                    {shownRates.map((name) => (
                      <th key={name} scope="col" className={table.number}>
                        {rateWords[name]}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {items.map((item) => (
                    <Row key={item.key} item={item} by={by} search={search} />
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </ReportPart>
    </Panel>
  );
}

function Row({ item, by, search }: { item: Item; by: Dimension; search: AnalyticsSearch }) {
  const { key, counts, rates, previous } = item;
  const narrowed = key === null ? null : narrow(by, key);
  const hasDeliveries = narrowed !== null && narrowed.provider === undefined;
  return (
    <tr>
      <th scope="row" className={styles.name}>
        {narrowed === null ? (
          nameOf(item, by)
        ) : (
          <Link
            from="/analytics"
            to="."
            search={(now) => ({ ...now, ...narrowed })}
            className={table.name}
          >
            {nameOf(item, by)}
          </Link>
        )}
      </th>
      <td className={table.number}>
        {hasDeliveries ? (
          <Link
            to="/deliveries"
            search={{ ...deliveriesOf({ ...search, ...narrowed }), status: ["sent", "delivered"] }}
          >
            {formatCount(counts.handedOver)}
          </Link>
        ) : (
          formatCount(counts.handedOver)
        )}
        {search.compare === undefined && (
          <span className={styles.small}>{formatCount(previous.counts.handedOver)} before</span>
        )}
      </td>
      {shownRates.map((name) => (
        <td
          key={name}
          className={table.number}
          title={formatChange(rates[name], previous.rates[name]) ?? undefined}
        >
          {formatRate(rates[name])}
          <span className={styles.small}>{formatInterval(rates[name])}</span>
        </td>
      ))}
    </tr>
  );
}

const nameOf = ({ key, name }: Item, by: Dimension) =>
  key === null
    ? nothingWords[by]
    : by === "channels"
      ? channelWords[key as Channel]
      : (name ?? key);

/** The filter that leaves only one value of a dimension; there is none for templates. */
function narrow(by: Dimension, key: string): AnalyticsSearch | null {
  if (by === "channels") return { channel: [key as Channel] };
  if (by === "types") return { type: key };
  if (by === "campaigns") return { source: key };
  return by === "providers" ? { provider: key } : null;
}
