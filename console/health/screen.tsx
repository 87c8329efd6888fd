import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { HealthChip, sentences } from "../overview/health-word.tsx";
import { Instant } from "../parts/instant.tsx";
import { Facts, Page, Panel } from "../parts/page.tsx";
import { Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { formatDuration } from "../words/instants.ts";
import { formatBytes, formatCount, formatNoun } from "../words/numbers.ts";
import { priorityWords } from "../words/statuses.ts";
import { formatMilliseconds, worstFirst } from "./indicators.ts";
import { ProcessesPanel } from "./processes-panel.tsx";
import { type Health, healthQuery, readinessQuery } from "./queries.ts";
import styles from "./screen.module.css";
import { Throughput } from "./throughput.tsx";
import { Tile } from "./tile.tsx";

/** The health of the system: the word first, then each indicator with what to do about it, then what the system needs. */
export function HealthScreen() {
  const { data, error, refetch } = useQuery(healthQuery);
  return (
    <Page title="Health" documentTitle="Health">
      {data ? (
        <>
          {error && <ProblemBanner error={error} retry={() => void refetch()} />}
          <div className={styles.word} data-word={data.word} role="status">
            <HealthChip word={data.word} />
            <strong>{sentences[data.word]}</strong>
            <span className={styles.at}>
              Measured <Instant at={data.measuredAt} />, rates over{" "}
              {formatDuration(data.windowSeconds)}
            </span>
          </div>
          <div className={styles.tiles}>
            {worstFirst(data.indicators).map((name) => (
              <Tile key={name} name={name} indicator={data.indicators[name]} />
            ))}
          </div>
          <ProcessesPanel />
          <Throughput />
          <div className={styles.columns}>
            <QueuesPanel queues={data.queues} />
            <Needs health={data} />
          </div>
        </>
      ) : error ? (
        <Panel>
          <Failed what="the health" error={error} retry={() => void refetch()} />
        </Panel>
      ) : (
        <Panel>
          <Loading what="the health" />
        </Panel>
      )}
    </Page>
  );
}

/** What is open, by priority. */
function QueuesPanel({ queues }: { queues: Health["queues"] }) {
  return (
    <Panel title="Open deliveries" isFlush>
      <div className={table.scroll}>
        <table className={table.table}>
          <thead>
            <tr>
              <th>Priority</th>
              <th className={table.number}>Due</th>
              <th className={table.number}>Later</th>
              <th className={table.number}>Of campaigns</th>
              <th className={`${table.number} ${table.wide}`}>Oldest due</th>
            </tr>
          </thead>
          <tbody>
            {queues.map(({ priority, due, later, ofCampaigns, oldestDueSeconds }) => (
              <tr key={priority}>
                <th scope="row">
                  <Link to="/deliveries" search={{ status: ["pending"], priority: [priority] }}>
                    {priorityWords[priority]}
                  </Link>
                </th>
                <td className={table.number}>{formatCount(due)}</td>
                <td className={table.number}>{formatCount(later)}</td>
                <td className={table.number}>{formatCount(ofCampaigns)}</td>
                <td className={`${table.number} ${table.wide}`}>
                  {oldestDueSeconds === null ? (
                    <span className="muted">–</span>
                  ) : (
                    formatDuration(oldestDueSeconds)
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

const temporalWords = {
  up: "answers",
  down: "cannot be reached: messages are accepted, and sent once it answers",
};
const sealingWords = {
  up: "secrets are encrypted",
  off: "no key is configured, and nothing is encrypted",
  failing: "a key is missing or is not the original one: the log of the API names it",
  unknown: "not known at the moment",
};
const sourceWords = { system: "from the machine’s files", node: "from Node.js" };

/** What the system needs beside its own processes: the database, Temporal, keys, and the rules of time zones. */
function Needs({ health }: { health: Health }) {
  const { data: ready, error, refetch } = useQuery(readinessQuery);
  const { timeZoneData, latencyMs } = health;
  return (
    <Panel title="Dependencies">
      {ready ? (
        <Facts
          items={[
            [
              "Database",
              `accepts writes, and has ${formatBytes(health.database.bytes)} on its disk`,
            ],
            ["Temporal", temporalWords[ready.temporal]],
            ["Encryption", sealingWords[ready.sealing]],
            [
              "Time zone data",
              `${timeZoneData.version} ${sourceWords[timeZoneData.source]}, ${formatNoun(timeZoneData.ageDays, "day")} old`,
            ],
            [
              "Of workers",
              timeZoneData.workers === null
                ? "no worker has started yet"
                : `${timeZoneData.workers.version} ${sourceWords[timeZoneData.workers.source]}`,
            ],
            [
              "Latency",
              latencyMs &&
                `${formatMilliseconds(latencyMs.p50)} in half of the cases, ${formatMilliseconds(latencyMs.p95)} in 95%, ${formatMilliseconds(latencyMs.p99)} in 99%`,
            ],
          ]}
        />
      ) : error ? (
        <Failed what="whether it is ready" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="whether it is ready" />
      )}
    </Panel>
  );
}
