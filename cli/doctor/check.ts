import { MissingError } from "../stack/missing.ts";

/** The result of a check. It contains no secrets. */
export interface Finding {
  name: string;
  status: Status;
  found: string;
  /** The remedy; null where there is no fault. */
  mend: string | null;
}

/** `missing`: Tidings cannot run. `warning`: it can run, but with a restriction that an operator should know. */
type Status = "ok" | "warning" | "missing";

export interface Check {
  name: string;
  /** Whether a failed check is `missing` rather than a `warning`. */
  required: boolean;
  /** The remedy where the check takes too long, or fails without a `MissingError`. */
  mend: string;
  /** Resolves with a description of the program or server that was found. Rejects with a `MissingError` if it is missing. */
  look: () => Promise<Finding[]>;
}

/** Runs all checks at once. Checks that have not ended at the deadline count as failed. */
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

/** The message of an error. An AggregateError has no message of its own, but contains other errors. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message || error.name : String(error);
}

/** Puts a message into one line, without a full stop at its end. */
const phrase = (text: string) => text.replaceAll(/\s+/g, " ").trim().replace(/\.$/, "");

const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** Whether a variable is set, directly or by its `_FILE` variable. */
export const given = (environment: NodeJS.ProcessEnv, name: string) =>
  Boolean(environment[name] || environment[`${name}_FILE`]);
