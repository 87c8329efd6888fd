import { ApiProblem } from "../api/problem.ts";
import { audienceOf, type Draft, startOf } from "./draft.ts";

export const sectionIds = ["message", "audience", "timing", "tracking", "guard", "review"] as const;
export type SectionId = (typeof sectionIds)[number];

/** Why a campaign cannot be started as it is. `field` is a JSON pointer in its body. */
export interface FoundProblem {
  field: string;
  message: string;
}

/** What is missing before the API can be asked. */
export function findMissing(draft: Draft): FoundProblem[] {
  const { name, template, audience, timing, throttle, utm } = draft;
  const found: FoundProblem[] = [];
  if (name.trim() === "") found.push({ field: "/name", message: "Give the campaign a name." });
  if (template === null) found.push({ field: "/template", message: "Choose a template." });
  if (audienceOf(audience) === null)
    found.push({
      field: "/audience",
      message: "Choose a segment or a condition, or everybody.",
    });
  if (startOf(timing) === undefined)
    found.push({ field: "/startAt", message: "Choose the day and the time." });
  if (throttle.trim() !== "" && !(Number(throttle) > 0))
    found.push({ field: "/throttle/perSecond", message: "Give a number of messages per second." });
  for (const parameter of ["source", "medium", "campaign"] as const)
    if (utm?.[parameter].trim() === "")
      found.push({ field: `/utm/${parameter}`, message: "Give this parameter a value." });
  return found;
}

/** The faults of fields that the API has found. */
export const faultsOf = (error: unknown): FoundProblem[] =>
  error instanceof ApiProblem
    ? (error.details?.errors ?? []).map(({ field, message }) => ({ field, message }))
    : [];

/** The section in which a field is edited. */
export function sectionOf(field: string): SectionId {
  if (field.startsWith("/audience")) return "audience";
  if (/^\/(startAt|throttle|guarantee)/.test(field)) return "timing";
  if (/^\/(tracking|utm)/.test(field)) return "tracking";
  if (/^\/(type|priority)/.test(field)) return "guard";
  return "message";
}
