import { useQuery } from "@tanstack/react-query";
import { Icon } from "../parts/icon.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { useNow } from "../parts/now.ts";
import { Panel } from "../parts/page.tsx";
import { Empty, Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { Chip } from "../parts/status-chip.tsx";
import table from "../parts/table.module.css";
import { formatFull, formatRelative } from "../words/instants.ts";
import { formatBytes, formatShare } from "../words/numbers.ts";
import { formatMilliseconds } from "./indicators.ts";
import {
  countStates,
  describeState,
  describeTogether,
  formatClock,
  inOrder,
  kindWords,
} from "./process-words.ts";
import styles from "./processes-panel.module.css";
import { type Process, processesQuery } from "./queries.ts";

/** The processes of the API and the workers, with what is wrong with each. On narrow screens each is a card. */
export function ProcessesPanel() {
  const { data: processes, error, refetch } = useQuery(processesQuery);
  return (
    <div className={styles.panel}>
      <Panel
        title="Processes"
        aside={processes && <span className="muted">{countStates(processes)}</span>}
        isFlush
      >
        {processes ? (
          <>
            {error && <ProblemBanner error={error} retry={() => void refetch()} />}
            {processes.length === 0 ? (
              <Empty title="No process has reported itself yet">
                Each process of the API and each worker does so every ten seconds.
              </Empty>
            ) : (
              <>
                {describeTogether(processes).map((note) => (
                  <p key={note} className={styles.note} role="note">
                    <Icon name="warning" />
                    <span>{note}</span>
                  </p>
                ))}
                <ProcessTable processes={processes} />
              </>
            )}
          </>
        ) : error ? (
          <Failed what="the processes" error={error} retry={() => void refetch()} />
        ) : (
          <Loading what="the processes" rows={2} />
        )}
      </Panel>
    </div>
  );
}

function ProcessTable({ processes }: { processes: readonly Process[] }) {
  const zone = useZone();
  return (
    <div className={table.scroll}>
      <table className={`${table.table} ${styles.table}`}>
        <thead>
          <tr>
            <th>Process</th>
            <th>State</th>
            <th>Version</th>
            <th>Up since ({zone})</th>
            <th>Seen</th>
            <th>Memory</th>
            <th className={table.number}>Event loop</th>
            <th className={table.number}>Clock</th>
          </tr>
        </thead>
        {inOrder(processes).map((process) => (
          <ProcessRows key={process.id} process={process} />
        ))}
      </table>
    </div>
  );
}

/** A process, and below it what is wrong with it. */
function ProcessRows({ process }: { process: Process }) {
  const { kind, host, pid, version, startedAt, seenAt, memory, eventLoopDelayMs } = process;
  const [zone, now] = [useZone(), useNow()];
  return (
    <tbody>
      <tr className={styles.row} data-faulty={process.faults.length > 0}>
        <th scope="row" className={styles.name}>
          <strong>{kindWords[kind]}</strong>
          <span className={styles.host} title={`Process ${pid} on ${host}`}>
            {host} <span className="muted">· {pid}</span>
          </span>
        </th>
        <td className={styles.state}>
          <Chip {...describeState(process)} />
        </td>
        <td data-label="Version">{version}</td>
        <td data-label={`Up since (${zone})`}>
          <ShortInstant at={startedAt} />
        </td>
        <td data-label="Seen">
          <time dateTime={seenAt} title={formatFull(seenAt, zone)}>
            {formatRelative(seenAt, now)}
          </time>
        </td>
        <td data-label="Memory" className={styles.memory}>
          <span>
            {formatBytes(memory.bytes)} <span className="muted">{formatShare(memory.share)}</span>
          </span>
          <span className={styles.bar} aria-hidden="true">
            <i style={{ width: `${Math.min(100, 100 * memory.share)}%` }} />
          </span>
        </td>
        <td data-label="Event loop" className={table.number} title="99% of its delays are shorter">
          {formatMilliseconds(eventLoopDelayMs)}
        </td>
        <td data-label="Clock" className={table.number} title="Compared with the database’s clock">
          {formatClock(process)}
        </td>
      </tr>
      {process.faults.length > 0 && (
        <tr className={styles.faults}>
          <td colSpan={8}>
            {process.faults.map((fault) => (
              <p key={fault}>
                <Icon name="warning" size={14} />
                <span>{fault}</span>
              </p>
            ))}
          </td>
        </tr>
      )}
    </tbody>
  );
}
