import { chooseClocks } from "../../config/clocks.ts";
import { zoneFolders } from "../../config/system-clocks.ts";
import { ageFault, agedClocks } from "../../domain/time/clock-age.ts";
import { ok, warning, type Check } from "./check.ts";
import { readIfGiven } from "./configuration.ts";
import type { Surroundings } from "./surroundings.ts";

const name = "Time zone data";
const mend =
  "Renew the system's (package tzdata), or Node.js: docs/runbook.md, Renew time zone data";

/** The data that API and workers would go by on this machine. */
export const clocksHere = ({ environment }: Pick<Surroundings, "environment">) =>
  chooseClocks(zoneFolders(readIfGiven("TZDIR", environment) ?? undefined));

/** Which that is, and whether clocks may run otherwise by now. */
export function timeZoneCheck({ environment }: Surroundings): Check {
  return {
    name,
    required: false,
    mend,
    look: async () => {
      const { clocks, instead } = clocksHere({ environment });
      const aged = agedClocks(Date.now(), clocks);
      const age = `out for ${aged.ageDays} days or more`;
      const whence = "folder" in clocks ? clocks.folder : `Node.js, for ${instead}`;
      const fault = ageFault(aged);
      if (fault !== null) return [warning(name, `${whence}: ${fault}`, mend)];
      return [ok(name, `${aged.version}, ${age}, from ${whence}`)];
    },
  };
}
