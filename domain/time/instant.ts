import { z } from "zod";

const earliest = Date.UTC(2000, 0, 1);
const latest = Date.UTC(2100, 0, 1);

/** An ISO 8601 date and time with its offset, from 2000 to 2100, as text. */
export const instantText = z.iso
  .datetime({
    offset: true,
    error: "must be an ISO 8601 date and time with an offset, such as 2027-03-01T09:00:00Z",
    abort: true,
  })
  .refine(
    (value) => Date.parse(value) >= earliest && Date.parse(value) < latest,
    "must be between the years 2000 and 2100",
  );

/** An ISO 8601 date and time with its offset, from 2000 to 2100, parsed to a Date. */
export const instant = instantText.transform((value) => new Date(value));
