import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { campaignsQuery } from "../campaigns/queries.ts";
import { healthQuery } from "../health/queries.ts";
import { Icon } from "../parts/icon.tsx";
import { Instant } from "../parts/instant.tsx";
import { Panel } from "../parts/page.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import { providersQuery } from "../providers/queries.ts";
import { explainBacklog } from "./backlog.ts";
import { gatesQuery } from "./queries.ts";
import styles from "./backlog-causes.module.css";

/** What keeps deliveries waiting beyond their time. */
export function BacklogCauses() {
  const providers = useQuery(providersQuery);
  const gates = useQuery(gatesQuery);
  const paused = useQuery(campaignsQuery({ status: "paused", limit: "50" }));
  const health = useQuery(healthQuery);
  const failed = [providers, gates, paused].find(({ error, data }) => error && !data);
  return (
    <Panel title="What holds deliveries up">
      {providers.data && gates.data && paused.data ? (
        <Causes
          causes={explainBacklog({
            providers: providers.data.items,
            gates: gates.data.items,
            pausedCampaigns: paused.data.items.length,
            health: health.data,
          })}
        />
      ) : failed ? (
        <Failed
          what="what holds deliveries up"
          error={failed.error}
          retry={() => void failed.refetch()}
        />
      ) : (
        <Loading what="what holds deliveries up" rows={2} />
      )}
    </Panel>
  );
}

function Causes({ causes }: { causes: ReturnType<typeof explainBacklog> }) {
  if (causes.length === 0)
    return (
      <p className={styles.none}>
        <Icon name="check" size={14} /> No provider, rate limit or campaign holds anything up. What
        waits, waits for its time or by a rule.
      </p>
    );
  return (
    <ul className={styles.causes}>
      {causes.map(({ key, text, until, triedAt, link }) => (
        <li key={key}>
          <Icon name="warning" size={14} />
          <div>
            <p>{text}</p>
            {until !== null && (
              <p className="muted">
                Until <Instant at={until} />
              </p>
            )}
            {triedAt != null && (
              <p className="muted">
                Tried again <Instant at={triedAt} />
              </p>
            )}
            {link !== null && <Link {...link}>{link.name}</Link>}
          </div>
        </li>
      ))}
    </ul>
  );
}
