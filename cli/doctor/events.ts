import { readEnvironment } from "../../config/environment.ts";
import { loopbackSettings, outboundVariables, receiverFaults } from "../../config/outbound.ts";
import { given, missing, ok, type Check, type Finding } from "./check.ts";
import { readIfGiven } from "./configuration.ts";
import type { Surroundings } from "./surroundings.ts";

const name = "Events receiver";

/** Whether the rules for outgoing requests allow `EVENTS_URL`. Resolves its host, and sends nothing. */
export function eventsCheck({ environment }: Surroundings): Check {
  return {
    name,
    required: true,
    mend: "Correct EVENTS_URL: see docs/configuration.md",
    look: async () => {
      const url = readIfGiven("EVENTS_URL", environment);
      // The check of the configuration reports a setting that has a fault.
      const isReadable = outboundVariables.every(
        (variable) => !given(environment, variable) || readIfGiven(variable, environment) !== null,
      );
      if (!url || !isReadable) return [];
      const faultsWith = async (more: NodeJS.ProcessEnv): Promise<Finding[]> => {
        const settings = readEnvironment(outboundVariables, { ...environment, ...more });
        const faults = await receiverFaults(url, settings);
        return faults.map(({ found, remedy }) => missing(name, found, remedy));
      };
      const faults = await faultsWith({});
      const { host } = new URL(url);
      if (faults.length === 0) return [ok(name, `${host}, allowed`)];
      const added = loopbackSettings(environment);
      if (Object.keys(added).length === 0 || (await faultsWith(added)).length > 0) return faults;
      const settings = Object.entries(added).map(([variable, value]) => `${variable}="${value}"`);
      return [
        ok(name, `${host}, with npm start; a worker that runs alone needs ${settings.join(" ")}`),
      ];
    },
  };
}
