import type { Revealed } from "./actions.ts";

type Profile = Pick<Revealed, "email" | "phone" | "timeZone" | "locale" | "attributes">;

/** Before the name of an attribute among the other fields. */
const prefix = "attributes.";

/** The fields of a profile that can be changed, with each attribute of any of the profiles that it is compared with as a field of its own. */
export const fieldsOf = (
  { attributes, email, phone, timeZone, locale }: Profile,
  compared: readonly Profile[],
): Record<string, unknown> => ({
  email,
  phone,
  timeZone,
  locale,
  ...Object.fromEntries(
    compared
      .flatMap((each) => Object.keys(each.attributes))
      .map((name) => [prefix + name, attributes[name]]),
  ),
});

/** The profile that has these fields. An attribute without a value is left out. */
export const profileOf = (fields: Readonly<Record<string, unknown>>): Profile =>
  ({
    email: fields["email"],
    phone: fields["phone"],
    timeZone: fields["timeZone"],
    locale: fields["locale"],
    attributes: Object.fromEntries(
      Object.entries(fields).flatMap(([name, value]) =>
        name.startsWith(prefix) && value !== undefined ? [[name.slice(prefix.length), value]] : [],
      ),
    ),
  }) as Profile;

const words: Record<string, string> = {
  email: "Email",
  phone: "Phone",
  timeZone: "Time zone",
  locale: "Locale",
};

export const nameOfField = (field: string) =>
  field.startsWith(prefix) ? `Attribute ${field.slice(prefix.length)}` : (words[field] ?? field);

export const describeField = (value: unknown) =>
  value === undefined || value === null
    ? "none"
    : typeof value === "string"
      ? value
      : JSON.stringify(value);
