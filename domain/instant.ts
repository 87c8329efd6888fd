import { z } from "zod";

const earliest = Date.UTC(2000, 0, 1);
const latest = Date.UTC(2100, 0, 1);

/** An ISO 8601 date and time with its offset, as an instant of this century. */
export const instant = z.iso
  .datetime({
    offset: true,
    error: "must be an ISO 8601 date and time with an offset, such as 2027-03-01T09:00:00Z",
  })
  .transform((value) => new Date(value))
  .refine(
    (value) => value.getTime() >= earliest && value.getTime() < latest,
    "must be between the years 2000 and 2100",
  );
