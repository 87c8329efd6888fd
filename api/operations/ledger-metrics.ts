import { Gauge, type Registry } from "prom-client";
import { campaignStatuses } from "../../domain/campaign.ts";
import {
  assess,
  backlogOf,
  batchEfficiencyOf,
  deliveryRateOf,
  errorRateOf,
  type HealthWord,
  healthWords,
  perMinuteOf,
} from "../../domain/health.ts";
import type { Policy } from "../../domain/policy/policy.ts";
import { priorities } from "../../domain/priority.ts";
import { type LedgerReader, type LedgerReading, queueKinds } from "../../ledger/health-figures.ts";

/**
 * Gauges of what the ledger says, read when they are asked for. Whatever the database does, asking ends within some
 * seconds: without a reading they are left out, and `tidings_database_up` says whether it answers at all.
 * @param memoryShare what the process uses of the memory that it may use, from 0 to 1
 */
export function addLedgerMetrics(
  registry: Registry,
  readLedger: LedgerReader,
  memoryShare: () => number,
): void {
  const registers = [registry];
  const up = new Gauge({
    name: "tidings_database_up",
    help: "1 if the database answers",
    registers,
    async collect() {
      up.set((await readLedger()).up ? 1 : 0);
    },
  });

  /** What `set` sets, and nothing else. */
  const gauge = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    set: (gauge: Gauge<Label>, reading: LedgerReading) => void,
  ) => {
    const made: Gauge<Label> = new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers,
      async collect() {
        made.reset();
        // One without labels would be 0 otherwise.
        if (labelNames.length === 0) made.remove();
        const { reading } = await readLedger();
        if (reading) set(made, reading);
      },
    });
  };
  /** One number, where there is one. */
  const figure = (
    name: string,
    help: string,
    value: (measured: LedgerReading["measured"], policy: Policy) => number | null,
  ) =>
    gauge(name, help, [], (made, { measured, policy }) => {
      const number = value(measured, policy);
      if (number !== null) made.set(number);
    });

  gauge(
    "tidings_open_deliveries",
    "Deliveries that are pending or being sent, by kind of queue and priority",
    ["queue", "priority"],
    (made, { open }) => {
      for (const queue of queueKinds)
        for (const priority of priorities) made.set({ queue, priority }, 0);
      for (const row of open) made.set({ queue: row.kind, priority: row.priority }, row.open);
    },
  );
  gauge(
    "tidings_oldest_overdue_seconds",
    "How long the oldest delivery that is due has been so, by kind of queue; those of campaigns that do not run do not count",
    ["queue"],
    (made, { open }) => {
      for (const queue of queueKinds) {
        const ages = open.flatMap(({ kind, overdueSeconds }) =>
          kind === queue ? (overdueSeconds ?? []) : [],
        );
        made.set({ queue }, Math.max(0, ...ages));
      }
    },
  );
  gauge(
    "tidings_unsent_deliveries",
    "Deliveries of notifications that are open, wherever they wait: to be compared with tidings_unsent_limit",
    [],
    (made, { unsent }) => made.set(unsent),
  );
  gauge("tidings_campaigns", "Campaigns by status", ["status"], (made, { campaigns }) => {
    for (const status of campaignStatuses) made.set({ status }, 0);
    for (const { status, count } of campaigns) made.set({ status }, count);
  });

  gauge(
    "tidings_queue_depth",
    "Open deliveries by priority: due or later, or of campaigns",
    ["priority", "state"],
    (made, { measured }) => {
      for (const { priority, due, later, ofCampaigns } of measured.depths) {
        made.set({ priority, state: "due" }, due);
        made.set({ priority, state: "later" }, later);
        made.set({ priority, state: "campaign" }, ofCampaigns);
      }
    },
  );
  gauge(
    "tidings_oldest_due_seconds",
    "How long the oldest delivery that is due has been so, by priority, without campaigns",
    ["priority"],
    (made, { measured }) => {
      for (const { priority, oldestDueSeconds } of measured.depths)
        made.set({ priority }, oldestDueSeconds ?? 0);
    },
  );
  gauge(
    "tidings_waiting_deliveries",
    "Open deliveries by why they wait",
    ["reason"],
    (made, { measured }) => {
      for (const [reason, count] of Object.entries(measured.waiting)) made.set({ reason }, count);
    },
  );
  figure(
    "tidings_recipients_at_limit",
    "Recipients for whom something waits for a limit",
    ({ recipientsAtLimit }) => recipientsAtLimit,
  );
  figure(
    "tidings_delivery_rate",
    "Of what was sent or failed within the window, what was sent",
    deliveryRateOf,
  );
  figure("tidings_error_rate", "Of attempts within the window, those that failed", errorRateOf);
  gauge(
    "tidings_delivery_latency_seconds",
    "From when a notification that nothing held was asked for to when it was sent, within the window",
    ["quantile"],
    (made, { measured: { latencyMs } }) => {
      if (!latencyMs) return;
      const { p50, p95, p99 } = latencyMs;
      for (const [quantile, ms] of [
        ["0.5", p50],
        ["0.95", p95],
        ["0.99", p99],
      ] as const)
        made.set({ quantile }, ms / 1_000);
    },
  );
  figure("tidings_sent_per_minute", "Deliveries sent a minute, within the window", perMinuteOf);
  figure(
    "tidings_batch_efficiency",
    "Of deliveries that were sent within the window, those that cost no message of their own",
    batchEfficiencyOf,
  );
  figure(
    "tidings_backlog_deliveries",
    "Deliveries that are due and not sent, without campaigns",
    backlogOf,
  );
  gauge(
    "tidings_backlog_threshold",
    "From how many on the backlog is a warning, and critical, as the policy says",
    ["level"],
    (made, { policy: { health } }) => {
      made.set({ level: "warning" }, health.backlog.warning);
      made.set({ level: "critical" }, health.backlog.critical);
    },
  );

  const memory = new Gauge({
    name: "tidings_memory_share",
    help: "Of the memory that this process may use, what it uses",
    registers,
    collect() {
      memory.set(memoryShare());
    },
  });

  const worth = (word: HealthWord) => healthWords.indexOf(word);
  const assessed = ({ measured, policy }: LedgerReading) =>
    assess({ ...measured, memory: memoryShare() }, policy);
  gauge("tidings_health", "How it goes, all in all: 0 good, 1 fair, 2 poor", [], (made, reading) =>
    made.set(worth(assessed(reading).word)),
  );
  gauge(
    "tidings_health_indicator",
    "How it goes by each indicator: 0 good, 1 fair, 2 poor",
    ["indicator"],
    (made, reading) => {
      for (const [indicator, { word }] of Object.entries(assessed(reading).indicators))
        made.set({ indicator }, worth(word));
    },
  );
}
