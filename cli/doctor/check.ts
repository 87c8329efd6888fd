import { MissingError } from "../stack/missing.ts";

/** What a look came to. Nothing in it is secret. */
export interface Finding {
  name: string;
  status: Status;
  found: string;
  /** What can be done; null where all is well. */
  mend: string | null;
}

/** `missing`: what is asked for cannot run. `warning`: it can, and somebody should know. */
type Status = "ok" | "warning" | "missing";

export interface Check {
  name: string;
  /** Whether its lack is `missing`, and not a `warning`. */
  required: boolean;
  /** Where it fails without saying what can be done, or takes too long. */
  mend: string;
  /** What was found; a `MissingError` for what was not. */
  look: () => Promise<Finding[]>;
}

/** Looks at everything at once; whatever a look does, there is an answer when the deadline is over. */
export async function runChecks(checks: readonly Check[], deadlineMs = 8_000): Promise<Finding[]> {
  const findings = await Promise.all(
    checks.map(async ({ name, required, mend, look }) => {
      const lack = required ? missing : warning;
      const late = new Promise<Finding[]>((resolve) => {
        const found = `no answer within ${deadlineMs / 1_000} seconds`;
        setTimeout(() => resolve([lack(name, found, mend)]), deadlineMs).unref();
      });
      const looked = look().catch((error: unknown) => [
        error instanceof MissingError
          ? lack(name, error.found, error.mend)
          : lack(name, reasonOf(error), mend),
      ]);
      return Promise.race([looked, late]);
    }),
  );
  return findings.flat();
}

export const ok = (name: string, found: string): Finding => ({
  name,
  status: "ok",
  found,
  mend: null,
});

export const warning = (name: string, found: string, mend: string): Finding => ({
  name,
  status: "warning",
  found: phrase(found),
  mend: capitalised(phrase(mend)),
});

export const missing = (name: string, found: string, mend: string): Finding => ({
  ...warning(name, found, mend),
  status: "missing",
});

/** Some errors have others in them, and say nothing themselves. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message || error.name : String(error);
}

/** Messages come as sentences and as parts of them, and some have several lines. */
const phrase = (text: string) => text.replaceAll(/\s+/g, " ").trim().replace(/\.$/, "");

const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** Whether a variable, or the file of one, is given. */
export const given = (environment: NodeJS.ProcessEnv, name: string) =>
  Boolean(environment[name] || environment[`${name}_FILE`]);
