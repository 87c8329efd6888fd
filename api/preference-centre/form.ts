import { z } from "@hono/zod-openapi";

/** A form as a browser sends it: each name with its value, or its values. */
export const formBody = z
  .record(
    z.string().max(300),
    z.union([z.string().max(12_000), z.array(z.string().max(300)).max(2_000)]),
  )
  .openapi({
    description: "The fields of one section of the page",
    example: { section: "smart", version: "3", intelligentTiming: "on" },
  });

export type Form = z.output<typeof formBody>;

/** The value of a field; undefined if the form has none. The first one, if there are several. */
export const readOne = (form: Form, name: string): string | undefined => {
  const value = Object.hasOwn(form, name) ? form[name] : undefined;
  return typeof value === "string" ? value.trim() : value?.[0]?.trim();
};

/** All values of a field. */
export const readAll = (form: Form, name: string): readonly string[] => {
  const value = Object.hasOwn(form, name) ? form[name] : undefined;
  return typeof value === "string" ? [value] : (value ?? []);
};

/** What a form changes, as a merge patch, and its faults by the names of fields. */
export interface ReadForm {
  patch: Record<string, unknown>;
  faults: Map<string, string>;
}
