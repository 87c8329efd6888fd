import {
  ConfigurationError,
  readEnvironment,
  variables,
  type Variable,
} from "../../config/environment.ts";
import { given, missing, ok, type Check, type Finding } from "./check.ts";
import type { Surroundings } from "./surroundings.ts";

const name = "Configuration";

/** Checks the variables that are set. Others have a default, or are set by `npm start`. */
export function configurationCheck({ environment }: Surroundings): Check {
  return {
    name,
    required: true,
    mend: "See docs/configuration.md",
    look: async () => {
      const set = (Object.keys(variables) as Variable[]).filter((variable) =>
        given(environment, variable),
      );
      const faults = set.flatMap((variable) => faultsOf(variable, environment));
      if (faults.length > 0) return faults;
      return [ok(name, set.length === 0 ? "all defaults" : `set: ${set.join(", ")}`)];
    },
  };
}

function faultsOf(variable: Variable, environment: NodeJS.ProcessEnv): Finding[] {
  try {
    readEnvironment([variable], environment);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.faults.map((fault) =>
      missing(name, fault, `Correct ${variable}: see docs/configuration.md`),
    );
  }
}

/** The value of a variable; null if it is not set, or has a fault, which `configurationCheck` reports. */
export function readIfGiven<Name extends Variable>(variable: Name, environment: NodeJS.ProcessEnv) {
  if (!given(environment, variable) || faultsOf(variable, environment).length > 0) return null;
  return readEnvironment([variable], environment)[variable];
}
