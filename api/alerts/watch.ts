import { createHash } from "node:crypto";
import { describeError } from "../../config/describe-error.ts";
import {
  absenceKinds,
  type AlertCause,
  databaseCause,
  describeAlert,
  findAlertCauses,
} from "../../domain/alerts.ts";
import { newUuid, parsePublicId, publicId } from "../../domain/ids.ts";
import { newNotification } from "../../domain/notification.ts";
import { goneAfterMs } from "../../domain/processes.ts";
import { type AlertRow, markNotified, readAlertFacts, settleAlerts } from "../../ledger/alerts.ts";
import { readProcesses } from "../../ledger/processes.ts";
import { executeOn } from "../../ledger/sql.ts";
import { acceptNotification } from "../notifications/accept.ts";
import { acceptanceOf } from "../notifications/accept-request.ts";
import { systemCaller } from "../notifications/system-caller.ts";
import { assessReading } from "../operations/assessment.ts";
import type { Services } from "../services.ts";
import { UninterruptedTime } from "./uninterrupted-time.ts";

/** Notifications about alerts have this type if it exists, so that operators can choose their route and preferences. */
const alertType = "tidings-alert";

/** How many looks in a row must find that the database takes no writes. One may meet a restart. */
const looksBeforeDatabase = 2;
/** How long the watch waits after operators could not be notified. */
const retryMs = 60_000;

/** A fault of the database, which cannot be stored in it. */
export interface UnstoredAlert {
  cause: AlertCause;
  since: Date;
}

/**
 * Looks at the system, keeps the alerts in the database up to date, and notifies operators of each new one, once. Every API process has a
 * watch: whichever finds something first opens the alert, and the others find it open.
 */
export class AlertWatch {
  readonly #services;
  readonly #uninterrupted = new UninterruptedTime();
  #failedLooks = 0;
  #unstored: UnstoredAlert | null = null;
  #retryAtMs = 0;

  constructor(services: Omit<Services, "alerts">) {
    this.#services = services;
  }

  /** The alert that the database does not answer or takes no writes; null if it does. */
  get unstored(): UnstoredAlert | null {
    return this.#unstored;
  }

  async look(): Promise<void> {
    const { readLedger, pool } = this.#services;
    const { up, takesWrites, reading } = await readLedger();
    this.#judgeDatabase(up, takesWrites);
    if (!takesWrites || !reading) return;
    const execute = executeOn(pool);
    const { openBreakers, endpointsOff, ...campaigns } = await readAlertFacts(execute);
    const withId = ({ id }: { id: string }) => ({ id: publicId("campaign", id) });
    const processes = await execute(readProcesses, {});
    const isAbsenceKnown = this.#uninterrupted.note(this.#services.clock()) >= goneAfterMs;
    const overdueSeconds = reading.open.map((row) => row.overdueSeconds ?? 0);
    const causes = findAlertCauses({
      pausedCampaigns: campaigns.pausedCampaigns.map(withId),
      stuckCampaigns: campaigns.stuckCampaigns.map(withId),
      openBreakers,
      endpointsOff: endpointsOff.map((row) => ({
        ...row,
        id: publicId("webhookEndpoint", row.id),
      })),
      health: assessReading(reading).health,
      oldestDueSeconds: Math.max(0, ...overdueSeconds),
      processes,
      isAbsenceKnown,
    });
    const open = await settleAlerts(execute, causes, {
      newId: () => newUuid(this.#services.clock()),
      judged: ({ kind }) => isAbsenceKnown || !absenceKinds.includes(kind),
    });
    await this.#notify(open.filter(({ notificationId }) => notificationId === null));
  }

  #judgeDatabase(up: boolean, takesWrites: boolean): void {
    this.#failedLooks = takesWrites ? 0 : this.#failedLooks + 1;
    if (this.#failedLooks < looksBeforeDatabase) this.#unstored = null;
    else this.#unstored = { since: new Date(), ...this.#unstored, cause: databaseCause(up) };
  }

  /** Notifies the configured recipients of alerts. What cannot be accepted now is tried again a minute later. */
  async #notify(alerts: readonly AlertRow[]): Promise<void> {
    const { config, pool, logger } = this.#services;
    if (config.alerts.recipients.length === 0 || performance.now() < this.#retryAtMs) return;
    for (const alert of alerts) {
      try {
        const words = { ...describeAlert(alert), detail: alert.detail };
        const notificationId = await this.send(words, alert.id);
        await executeOn(pool)(markNotified, { id: alert.id, notificationId });
      } catch (error) {
        this.#retryAtMs = performance.now() + retryMs;
        logger.warn(
          { alert: publicId("alert", alert.id), error: describeError(error) },
          "operators cannot be notified of an alert, which is tried again in a minute",
        );
        return;
      }
    }
  }

  /**
   * Notifies the configured recipients, once for each key, however many processes try. Returns the UUID of the notification. Throws the
   * problem for which it is not accepted, such as a recipient that does not exist.
   */
  async send(
    { title, detail, path }: { title: string; detail: string; path: string },
    key: string,
  ): Promise<string> {
    const { config, notificationTypes, acceptTogether, wakes } = this.#services;
    const type = (await notificationTypes.find(alertType)).kind === "type" ? alertType : undefined;
    const notification = newNotification.parse({
      recipients: config.alerts.recipients,
      content: { title: "{{ title }}", body: "{{ detail }}", url: "{{ url }}" },
      data: { title, detail, url: `${config.console.publicOrigin}/console${path}` },
      priority: "critical",
      ...(type !== undefined && { type }),
    });
    const { queues, text } = await acceptNotification(
      acceptanceOf(this.#services, acceptTogether),
      notification,
      { caller: systemCaller, requestId: `alert-${key}`, address: null },
      { scope: systemCaller.scope, key: hash(`alert ${key}`), hash: hash(key) },
    );
    for (const queue of queues) wakes.queue(queue, { requestId: `alert-${key}` });
    return parsePublicId("notification", (JSON.parse(text) as { id: string }).id)!;
  }
}

const hash = (text: string) => createHash("sha256").update(text).digest("hex");
