import { runChecks, type Finding } from "./check.ts";
import { configurationCheck } from "./configuration.ts";
import { databaseCheck } from "./database.ts";
import { dnsChecks } from "./dns.ts";
import { eventsCheck } from "./events.ts";
import { installationChecks } from "./installation.ts";
import { machineChecks } from "./machine.ts";
import { programChecks } from "./programs.ts";
import { pushChecks } from "./push.ts";
import { sealingCheck } from "./sealing.ts";
import { smtpChecks } from "./smtp.ts";
import type { Surroundings } from "./surroundings.ts";
import { temporalCheck } from "./temporal.ts";
import { timeZoneCheck } from "./time-zones.ts";

/** Checks everything that Tidings needs. Nothing is downloaded, created or sent. */
export function diagnose(surroundings: Surroundings): Promise<Finding[]> {
  return runChecks([
    ...installationChecks(),
    configurationCheck(surroundings),
    ...programChecks(surroundings),
    databaseCheck(surroundings),
    sealingCheck(surroundings),
    temporalCheck(surroundings),
    ...smtpChecks(surroundings),
    ...dnsChecks(surroundings),
    ...pushChecks(surroundings),
    eventsCheck(surroundings),
    ...machineChecks(surroundings),
    timeZoneCheck(surroundings),
  ]);
}
