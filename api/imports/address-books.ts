import { plainName } from "./columns.ts";

/**
 * Names of columns, in the form of `plainName`, that address books and mailing programs (Google Contacts, HubSpot, Mailchimp, Outlook,
 * Salesforce) export in addition to those that fill fields. They are not treated as misspelt fields.
 */
export const addressBookNames: ReadonlySet<string> = new Set(
  `
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
  Last Activity, Last Activity Date, Last Modified Date,
  Unsub Time, Unsub Campaign Title, Unsub Campaign ID, Unsub Reason, Unsub Reason Other
`
    .split(",")
    .map(plainName),
);
