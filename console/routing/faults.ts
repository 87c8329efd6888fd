import { ApiProblem } from "../api/problem.ts";

/** Finds what the API says is wrong with a field, or with what is in it. Fields are JSON pointers, such as `/route/stages/0`. */
export function faultAt(error: unknown, pointer: string): string | undefined {
  const faults = error instanceof ApiProblem ? (error.details?.errors ?? []) : [];
  const found = faults.filter(({ field }) => field === pointer || field.startsWith(`${pointer}/`));
  return found.length === 0
    ? undefined
    : found
        .map(({ field, message }) =>
          field === pointer ? message : `${field.slice(pointer.length + 1)} ${message}`,
        )
        .join("; ");
}

/** The fields of a rule at which its form shows faults. */
const shownAt = ["/key", "/name", "/when", "/route", "/priority", "/templates", "/final"];

/** Whether every fault of a problem is shown at its field. */
export function isShownAtFields(error: unknown): boolean {
  const faults = error instanceof ApiProblem ? (error.details?.errors ?? []) : [];
  return (
    faults.length > 0 &&
    faults.every(({ field }) =>
      shownAt.some((pointer) => field === pointer || field.startsWith(`${pointer}/`)),
    )
  );
}
