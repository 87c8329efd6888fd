import { chooseClocks } from "../../config/clocks.ts";
import { zoneFolders } from "../../config/system-clocks.ts";
import { ageFault, agedClocks } from "../../domain/time/clock-age.ts";
import { ok, warning, type Check } from "./check.ts";
import { readIfGiven } from "./configuration.ts";
import type { Surroundings } from "./surroundings.ts";

const name = "Time zone data";
const mend =
  "Update the system's data (package tzdata) or Node.js: see docs/runbook.md, Renew time zone data";

/** The time zone data that the API and workers would use on this machine. */
export const clocksHere = ({ environment }: Pick<Surroundings, "environment">) =>
  chooseClocks(zoneFolders(readIfGiven("TZDIR", environment) ?? undefined));

/** Reports the time zone data, and whether it may be outdated. */
export function timeZoneCheck({ environment }: Surroundings): Check {
  return {
    name,
    required: false,
    mend,
    look: async () => {
      const { clocks, instead } = clocksHere({ environment });
      const aged = agedClocks(Date.now(), clocks);
      const age = `released at least ${aged.ageDays} days ago`;
      const origin = "folder" in clocks ? clocks.folder : `Node.js, because ${instead}`;
      const fault = ageFault(aged);
      if (fault !== null) return [warning(name, `${origin}: ${fault}`, mend)];
      return [ok(name, `${aged.version}, ${age}, from ${origin}`)];
    },
  };
}
