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

/** Adds a gauge to a registry. */
type AddGauge = (registry: Registry, readLedger: LedgerReader) => void;

/** Defines a gauge whose values `set` takes from a reading of the ledger. Without a reading it has no value. */
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

/** Defines a gauge of one number. It has no value if the number is null. */
const defineFigure = (
  name: string,
  help: string,
  value: (measured: LedgerReading["measured"], policy: Policy) => number | null,
): AddGauge =>
  defineGauge(name, help, [], (gauge, { measured, policy }) => {
    const number = value(measured, policy);
    if (number !== null) gauge.set(number);
  });

/** Gauges of the open rows of the ledger. */
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
    "How long the oldest due delivery has been due, by kind of queue, without campaigns that are not running",
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
    "Deliveries of notifications that are due soon, or wait for a limit or another attempt; compare with tidings_unsent_limit",
    [],
    (gauge, { unsent }) => gauge.set(unsent),
  ),
  defineGauge(
    "tidings_scheduled_deliveries",
    "Deliveries of notifications that are scheduled, snoozed or held by their recipients' preferences; compare with tidings_scheduled_limit",
    [],
    (gauge, { scheduled }) => gauge.set(scheduled),
  ),
  defineGauge("tidings_campaigns", "Campaigns by status", ["status"], (gauge, { campaigns }) => {
    for (const status of campaignStatuses) gauge.set({ status }, 0);
    for (const { status, count } of campaigns) gauge.set({ status }, count);
  }),

  defineGauge(
    "tidings_queue_depth",
    "Open deliveries by priority and state: due, later, or of a campaign",
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
    "How long the oldest due delivery has been due, by priority, without campaigns",
    ["priority"],
    (gauge, { measured }) => {
      for (const { priority, oldestDueSeconds } of measured.depths)
        gauge.set({ priority }, oldestDueSeconds ?? 0);
    },
  ),
  defineGauge(
    "tidings_waiting_deliveries",
    "Open deliveries by the reason for which they wait",
    ["reason"],
    (gauge, { measured }) => {
      for (const [reason, count] of Object.entries(measured.waiting)) gauge.set({ reason }, count);
    },
  ),
];

/** Gauges of the rate and speed of sending, within the window of the policy. */
const deliveryGauges: readonly AddGauge[] = [
  defineFigure(
    "tidings_recipients_at_limit",
    "Recipients with deliveries that wait for a limit",
    ({ recipientsAtLimit }) => recipientsAtLimit,
  ),
  defineFigure(
    "tidings_delivery_rate",
    "The share of sent deliveries among those that were sent or failed within the window",
    deliveryRateOf,
  ),
  defineFigure(
    "tidings_error_rate",
    "The share of failed attempts among all attempts within the window",
    errorRateOf,
  ),
  defineGauge(
    "tidings_delivery_latency_seconds",
    "Time from accepting a notification to sending it, if nothing held it back, within the window",
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
    "Deliveries sent per minute within the window",
    perMinuteOf,
  ),
  defineFigure(
    "tidings_batch_efficiency",
    "The share of deliveries sent within the window that were merged into another message",
    batchEfficiencyOf,
  ),
  defineFigure(
    "tidings_backlog_deliveries",
    "Deliveries that are due and not sent, without campaigns",
    backlogOf,
  ),
  defineGauge(
    "tidings_backlog_threshold",
    "The backlog from which the policy rates it as a warning, or as critical, by level",
    ["level"],
    (gauge, { policy: { health } }) => {
      gauge.set({ level: "warning" }, health.backlog.warning);
      gauge.set({ level: "critical" }, health.backlog.critical);
    },
  ),
];

/** Creates gauges of the health of the system, by the thresholds of the policy. */
function createHealthGauges(memoryShare: () => number): readonly AddGauge[] {
  const rank = (word: HealthWord) => healthWords.indexOf(word);
  const assessReading = ({ at, measured, policy }: LedgerReading) =>
    assess({ ...measured, memory: memoryShare(), timeZoneData: agedClocks(at.getTime()) }, policy);
  return [
    defineGauge(
      "tidings_health",
      "The health of the system: 0 good, 1 fair, 2 poor",
      [],
      (gauge, reading) => gauge.set(rank(assessReading(reading).word)),
    ),
    defineGauge(
      "tidings_health_indicator",
      "The health of the system by indicator: 0 good, 1 fair, 2 poor",
      ["indicator"],
      (gauge, reading) => {
        for (const [indicator, { word }] of Object.entries(assessReading(reading).indicators))
          gauge.set({ indicator }, rank(word));
      },
    ),
  ];
}

/**
 * Adds gauges of the ledger, which is read when they are scraped. A scrape ends within seconds even if the database does not respond: the
 * gauges are left out then. `tidings_database_up` shows whether the database responds, and `tidings_database_takes_writes` whether
 * it accepts writes.
 * @param memoryShare returns the share of its available memory that the process uses, from 0 to 1
 */
export function addLedgerMetrics(
  registry: Registry,
  readLedger: LedgerReader,
  memoryShare: () => number,
): void {
  const registers = [registry];
  const up = new Gauge({
    name: "tidings_database_up",
    help: "1 if the database responds",
    registers,
    async collect() {
      up.set((await readLedger()).up ? 1 : 0);
    },
  });
  const writes = new Gauge({
    name: "tidings_database_takes_writes",
    help: "1 if the database responds and accepts writes; 0 also if its disk is full or it is read-only",
    registers,
    async collect() {
      writes.set((await readLedger()).takesWrites ? 1 : 0);
    },
  });
  const memory = new Gauge({
    name: "tidings_memory_share",
    help: "The share of its available memory that this process uses",
    registers,
    collect() {
      memory.set(memoryShare());
    },
  });
  for (const addGauge of [...openGauges, ...deliveryGauges, ...createHealthGauges(memoryShare)])
    addGauge(registry, readLedger);
}
