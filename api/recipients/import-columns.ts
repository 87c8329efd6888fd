import { addressBookNames } from "../imports/address-books.ts";
import { type KnownColumns, plainName } from "../imports/columns.ts";

const plain = (...names: string[]) => names.map(plainName);

/** The names that programs export columns by, for each field. */
const otherNames: Record<string, string[]> = {
  externalId: plain(
    "External ID",
    "ID",
    "User ID",
    "Customer ID",
    "Contact ID", // Salesforce
    "Lead ID", // Salesforce
    "Record ID", // HubSpot
    "Record ID - Contact", // HubSpot
    "Subscriber ID",
    "Member ID",
    "Person ID",
  ),
  email: plain(
    "Email",
    "E-mail",
    "Email Address", // Mailchimp
    "E-mail Address", // Outlook
    "E-mail 1 - Value", // Google Contacts
    "Email 1",
    "Primary Email",
    "Primary Email Address",
  ),
  phone: plain(
    "Phone",
    "Phone Number", // Mailchimp, HubSpot
    "Phone 1 - Value", // Google Contacts
    "Telephone",
    "Telephone Number",
    "Primary Phone", // Outlook
  ),
  timeZone: plain("Time Zone", "Timezone", "TZ"),
  locale: plain("Locale", "Locale Code", "Preferred Locale"),
};

/** The columns of a file of recipients. */
export const importColumns: KnownColumns & { openField: string } = {
  columns: new Map([
    ["external_id", "externalId"],
    ["email", "email"],
    ["phone", "phone"],
    ["time_zone", "timeZone"],
    ["locale", "locale"],
  ]),
  otherNames: new Map(
    Object.entries(otherNames).flatMap(([field, names]) => names.map((name) => [name, field])),
  ),
  requiredColumn: "external_id",
  openField: "attributes",
  sideNames: addressBookNames,
};
