import {
  ConfigurationError,
  readEnvironment,
  variables,
  type Variable,
} from "../../config/environment.ts";
import { combineProviders } from "../../config/worker-providers.ts";
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
      const combined = combinedFaults(environment);
      if (combined.length > 0) return combined;
      return [ok(name, set.length === 0 ? "all defaults" : `set: ${set.join(", ")}`)];
    },
  };
}

const faultsOf = (variable: Variable, environment: NodeJS.ProcessEnv): Finding[] =>
  faultsIn(
    () => readEnvironment([variable], environment),
    `Correct ${variable}: see docs/configuration.md`,
  );

function faultsIn(read: () => unknown, mend: string): Finding[] {
  try {
    read();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.faults.map((fault) => missing(name, fault, mend));
  }
}

/** The faults of settings that contradict each other. */
function combinedFaults(environment: NodeJS.ProcessEnv): Finding[] {
  return faultsIn(
    () => combineProviders(readEnvironment(["SMTP_URL", "PROVIDERS"], environment)),
    "Correct them: see docs/providers/README.md",
  );
}

/** The configured providers; none where a setting has a fault, which `configurationCheck` reports. */
export function providersIfGiven(environment: NodeJS.ProcessEnv) {
  const names = ["SMTP_URL", "PROVIDERS"] as const;
  const hasFault = names.some((name) => faultsOf(name, environment).length > 0);
  if (hasFault || combinedFaults(environment).length > 0) return combineProviders({});
  return combineProviders(readEnvironment(names, environment));
}

/** The value of a variable; null if it is not set, or has a fault, which `configurationCheck` reports. */
export function readIfGiven<Name extends Variable>(variable: Name, environment: NodeJS.ProcessEnv) {
  if (!given(environment, variable) || faultsOf(variable, environment).length > 0) return null;
  return readEnvironment([variable], environment)[variable];
}
