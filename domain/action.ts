import { z } from "zod";
import { webUrl } from "./web-url.ts";

const maxMinutes = 365 * 24 * 60;

const url = webUrl.max(2_000, "must have at most 2000 characters").meta({
  description: "The page to which the link leads: http or https",
  example: "https://tasks.example.org/17",
});

const minutes = z
  .int("must be a whole number of minutes")
  .min(1, `must be from 1 to ${maxMinutes} minutes`)
  .max(maxMinutes, `must be from 1 to ${maxMinutes} minutes`)
  .meta({ example: 60 });

/** The schema of the actions that a recipient may take on a message; each action also has the fields in `more`. */
export const actionForms = <More extends z.core.$ZodLooseShape>(more: More) =>
  z.discriminatedUnion("action", [
    z.strictObject({ action: z.literal("view"), url, ...more }),
    z.strictObject({ action: z.literal("snooze"), minutes, ...more }),
    z.strictObject({ action: z.literal("complete"), ...more }),
  ]);

/** An action of a recipient on a message: view its subject elsewhere, receive it again later, or mark its subject as completed. */
export const recipientAction = actionForms({});

export type RecipientAction = z.output<typeof recipientAction>;
