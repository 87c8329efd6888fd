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
import { agedClocks } from "../../domain/time/clock-age.ts";
import { type LedgerReader, type LedgerReading, queueKinds } from "../../ledger/health-figures.ts";

/** Adds one metric, or one of each label, to a registry. */
type AddGauge = (registry: Registry, readLedger: LedgerReader) => void;

/** A gauge with what `set` sets from a reading of the ledger; without a reading it has no value. */
const defineGauge =
  <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    set: (gauge: Gauge<Label>, reading: LedgerReading) => void,
  ): AddGauge =>
  (registry, readLedger) => {
    const gauge: Gauge<Label> = new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      async collect() {
        gauge.reset();
        // A gauge without labels would be 0 otherwise.
        if (labelNames.length === 0) gauge.remove();
        const { reading } = await readLedger();
        if (reading) set(gauge, reading);
      },
    });
  };

/** A gauge of one number, which has no value where the number is null. */
const defineFigure = (
  name: string,
  help: string,
  value: (measured: LedgerReading["measured"], policy: Policy) => number | null,
): AddGauge =>
  defineGauge(name, help, [], (gauge, { measured, policy }) => {
    const number = value(measured, policy);
    if (number !== null) gauge.set(number);
  });

/** What is open in the ledger. */
const openGauges: readonly AddGauge[] = [
  defineGauge(
    "tidings_open_deliveries",
    "Deliveries that are pending or being sent, by kind of queue and priority",
    ["queue", "priority"],
    (gauge, { open }) => {
      for (const queue of queueKinds)
        for (const priority of priorities) gauge.set({ queue, priority }, 0);
      for (const row of open) gauge.set({ queue: row.kind, priority: row.priority }, row.open);
    },
  ),
  defineGauge(
    "tidings_oldest_overdue_seconds",
    "How long the oldest delivery that is due has been so, by kind of queue; those of campaigns that do not run do not count",
    ["queue"],
    (gauge, { open }) => {
      for (const queue of queueKinds) {
        const ages = open.flatMap(({ kind, overdueSeconds }) =>
          kind === queue ? (overdueSeconds ?? []) : [],
        );
        gauge.set({ queue }, Math.max(0, ...ages));
      }
    },
  ),
  defineGauge(
    "tidings_unsent_deliveries",
    "Deliveries of notifications that are due soon, or wait for a limit or another try: to be compared with tidings_unsent_limit",
    [],
    (gauge, { unsent }) => gauge.set(unsent),
  ),
  defineGauge(
    "tidings_scheduled_deliveries",
    "Deliveries of notifications that are scheduled, snoozed or held as their recipients wish: to be compared with tidings_scheduled_limit",
    [],
    (gauge, { scheduled }) => gauge.set(scheduled),
  ),
  defineGauge("tidings_campaigns", "Campaigns by status", ["status"], (gauge, { campaigns }) => {
    for (const status of campaignStatuses) gauge.set({ status }, 0);
    for (const { status, count } of campaigns) gauge.set({ status }, count);
  }),

  defineGauge(
    "tidings_queue_depth",
    "Open deliveries by priority: due or later, or of campaigns",
    ["priority", "state"],
    (gauge, { measured }) => {
      for (const { priority, due, later, ofCampaigns } of measured.depths) {
        gauge.set({ priority, state: "due" }, due);
        gauge.set({ priority, state: "later" }, later);
        gauge.set({ priority, state: "campaign" }, ofCampaigns);
      }
    },
  ),
  defineGauge(
    "tidings_oldest_due_seconds",
    "How long the oldest delivery that is due has been so, by priority, without campaigns",
    ["priority"],
    (gauge, { measured }) => {
      for (const { priority, oldestDueSeconds } of measured.depths)
        gauge.set({ priority }, oldestDueSeconds ?? 0);
    },
  ),
  defineGauge(
    "tidings_waiting_deliveries",
    "Open deliveries by why they wait",
    ["reason"],
    (gauge, { measured }) => {
      for (const [reason, count] of Object.entries(measured.waiting)) gauge.set({ reason }, count);
    },
  ),
];

/** How well deliveries go out, within the window of the policy. */
const deliveryGauges: readonly AddGauge[] = [
  defineFigure(
    "tidings_recipients_at_limit",
    "Recipients for whom something waits for a limit",
    ({ recipientsAtLimit }) => recipientsAtLimit,
  ),
  defineFigure(
    "tidings_delivery_rate",
    "Of what was sent or failed within the window, what was sent",
    deliveryRateOf,
  ),
  defineFigure(
    "tidings_error_rate",
    "Of attempts within the window, those that failed",
    errorRateOf,
  ),
  defineGauge(
    "tidings_delivery_latency_seconds",
    "From when a notification that nothing held was asked for to when it was sent, within the window",
    ["quantile"],
    (gauge, { measured: { latencyMs } }) => {
      if (!latencyMs) return;
      const { p50, p95, p99 } = latencyMs;
      for (const [quantile, ms] of [
        ["0.5", p50],
        ["0.95", p95],
        ["0.99", p99],
      ] as const)
        gauge.set({ quantile }, ms / 1_000);
    },
  ),
  defineFigure(
    "tidings_sent_per_minute",
    "Deliveries sent a minute, within the window",
    perMinuteOf,
  ),
  defineFigure(
    "tidings_batch_efficiency",
    "Of deliveries that were sent within the window, those that cost no message of their own",
    batchEfficiencyOf,
  ),
  defineFigure(
    "tidings_backlog_deliveries",
    "Deliveries that are due and not sent, without campaigns",
    backlogOf,
  ),
  defineGauge(
    "tidings_backlog_threshold",
    "From how many on the backlog is a warning, and critical, as the policy says",
    ["level"],
    (gauge, { policy: { health } }) => {
      gauge.set({ level: "warning" }, health.backlog.warning);
      gauge.set({ level: "critical" }, health.backlog.critical);
    },
  ),
];

/** How healthy the system is, by the thresholds of the policy. */
function createHealthGauges(memoryShare: () => number): readonly AddGauge[] {
  const rank = (word: HealthWord) => healthWords.indexOf(word);
  const assessReading = ({ at, measured, policy }: LedgerReading) =>
    assess({ ...measured, memory: memoryShare(), timeZoneData: agedClocks(at.getTime()) }, policy);
  return [
    defineGauge(
      "tidings_health",
      "How it goes, all in all: 0 good, 1 fair, 2 poor",
      [],
      (gauge, reading) => gauge.set(rank(assessReading(reading).word)),
    ),
    defineGauge(
      "tidings_health_indicator",
      "How it goes by each indicator: 0 good, 1 fair, 2 poor",
      ["indicator"],
      (gauge, reading) => {
        for (const [indicator, { word }] of Object.entries(assessReading(reading).indicators))
          gauge.set({ indicator }, rank(word));
      },
    ),
  ];
}

/**
 * Adds gauges of what the ledger says, which is read when they are scraped. Whatever the database does, a scrape ends within
 * some seconds: without a reading they are left out, and `tidings_database_up` says whether the database answers at all,
 * and `tidings_database_takes_writes` whether it takes any.
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
  const writes = new Gauge({
    name: "tidings_database_takes_writes",
    help: "1 if the database answers and takes writes; 0 also where its disk is full, or it is read-only",
    registers,
    async collect() {
      writes.set((await readLedger()).takesWrites ? 1 : 0);
    },
  });
  const memory = new Gauge({
    name: "tidings_memory_share",
    help: "Of the memory that this process may use, what it uses",
    registers,
    collect() {
      memory.set(memoryShare());
    },
  });
  for (const addGauge of [...openGauges, ...deliveryGauges, ...createHealthGauges(memoryShare)])
    addGauge(registry, readLedger);
}
