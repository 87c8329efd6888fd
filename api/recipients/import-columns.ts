import { type KnownColumns, plainName } from "../imports/columns.ts";

const plain = (...names: string[]) => names.map(plainName);

/** Names by which programs export what is the field here, beside our own. */
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

/** What address books and mailing programs export beside that: attributes, each called as its column is. */
const attributeNames = `
  First Name, Last Name, Middle Name, Full Name, Name, Given Name, Family Name, Additional Name,
  Nickname, File As, Title, Suffix, Name Prefix, Name Suffix, Phonetic First Name,
  Phonetic Middle Name, Phonetic Last Name, Initials, Salutation, Company, Company Name,
  Organization, Organization Name, Organization Title, Organization Department, Account Name,
  Department, Job Title, Profession, Industry, Street, City, State, State/Region, Region, Province,
  Country, Country/Region, Postal Code, Zip, Zip Code, ZIP/Postal Code, Address, CC,
  Mailing Street, Mailing City, Mailing State/Province, Mailing Zip/Postal Code, Mailing Country,
  Address 1 - Label, Address 1 - Formatted, Address 1 - Street, Address 1 - City,
  Address 1 - PO Box, Address 1 - Region, Address 1 - Postal Code, Address 1 - Country,
  Address 1 - Extended Address, Business Street, Business City, Business State,
  Business Postal Code, Business Country/Region, Home Street, Home City, Home State,
  Home Postal Code, Home Country/Region, Business Phone, Home Phone, Mobile, Mobile Phone,
  Mobile Phone Number, Other Phone, Fax, Phone 1 - Label, Phone 2 - Label, Phone 2 - Value,
  E-mail 1 - Label, E-mail 2 - Label, E-mail 2 - Value, E-mail Type, E-mail Display Name,
  E-mail 2 Address, E-mail 3 Address, Birthday, Birthdate, Anniversary, Gender, Language,
  Preferred Language, Website, Website 1 - Label, Website 1 - Value, Photo, Location, Web Page,
  Categories, Tags, Labels, Group Membership, Notes, Member Rating, Optin Time, Optin IP,
  Confirm Time, Confirm IP, Latitude, Longitude, GMTOFF, DSTOFF, Last Changed, LEID, EUID,
  Lead Status, Lead Source, Lifecycle Stage, Contact Owner, Create Date, Created Date,
  Last Activity, Last Activity Date, Last Modified Date
`
  .split(",")
  .map(plainName);

/** What the columns of a file of recipients fill. */
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
  openNames: new Set(attributeNames),
};
