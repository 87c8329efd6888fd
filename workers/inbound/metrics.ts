import { Counter, Gauge, Registry } from "prom-client";
import { createPoolGauge } from "../../config/metrics.ts";

/** Why the receiver takes a mail not at all, or not now. */
const refusalReasons = [
  "connections_of_host",
  "unknown_address",
  "recipients",
  "feedback_rate",
  "too_large",
  "unusable",
  "unstorable",
  "still_sending",
  "failed",
] as const;
export type RefusalReason = (typeof refusalReasons)[number];

/** What reports were taken for: the outcomes of `Recorded` in ledger/inbound-reports.ts. */
const outcomes = [
  "bounced",
  "delayed",
  "delivered",
  "complained",
  "not_spam",
  "unsubscribed",
  "automatic",
  "other",
  "repeated",
  "unknown",
];

export type InboundMetrics = ReturnType<typeof createInboundMetrics>;

/** Creates the metrics of the process that receives returned mail. Labels are names of this project only. */
export function createInboundMetrics(registry = new Registry()) {
  const registers = [registry];
  let openConnections = () => 0;
  const connections: Gauge = new Gauge({
    name: "tidings_inbound_connections",
    help: "Connections of other mail servers that are open",
    registers,
    collect: () => connections.set(openConnections()),
  });
  const metrics = {
    registry,
    pools: createPoolGauge(registry),
    /** Sets the source of the number of open connections, which is 0 during the start. */
    watchConnections(count: () => number) {
      openConnections = count;
    },
    mails: new Counter({
      name: "tidings_inbound_mails_total",
      help: "Mails that were transferred, by what was answered: recorded, deferred (its sender tries again), refused (for good)",
      labelNames: ["result"],
      registers,
    }),
    reports: new Counter({
      name: "tidings_inbound_reports_total",
      help: "Recorded reports, by what they were taken for. `repeated` came before, and `unknown` is about a message that is no longer stored",
      labelNames: ["outcome"],
      registers,
    }),
    refusals: new Counter({
      name: "tidings_inbound_refusals_total",
      help: "Connections, recipients and mails that were refused, for good or for now, by the reason",
      labelNames: ["reason"],
      registers,
    }),
  };
  // Series start at zero, so that a rate includes the first event.
  for (const result of ["recorded", "deferred", "refused"]) metrics.mails.inc({ result }, 0);
  for (const outcome of outcomes) metrics.reports.inc({ outcome }, 0);
  for (const reason of refusalReasons) metrics.refusals.inc({ reason }, 0);
  return metrics;
}
