import type { RecipientAction } from "../../domain/action.ts";
import type { Page } from "../recipient-pages/page.ts";
import type { ActionOutcome } from "./perform.ts";

const english = { lang: "en", buttons: [] };

/** Makes the page that asks for confirmation. Programs that check links follow them but press no buttons, so they perform no action. */
export function toQuestionPage(action: Exclude<RecipientAction, { action: "view" }>): Page {
  return action.action === "snooze"
    ? {
        ...english,
        title: "Remind me later",
        texts: [`You will receive this message again in ${formatDuration(action.minutes)}.`],
        buttons: [{ text: "Remind me later" }],
      }
    : {
        ...english,
        title: "Mark as done",
        texts: ["You will not receive this message again."],
        buttons: [{ text: "Mark as done" }],
      };
}

/** Makes the page that confirms what was done. */
export function toConfirmationPage({ action, deliveries }: ActionOutcome): Page {
  const isSingle = deliveries === 1;
  return action === "snooze"
    ? {
        ...english,
        title: "Reminder set",
        texts: [
          `You will receive ${isSingle ? "this message" : `all ${deliveries} messages`} again later. You can close this page.`,
        ],
      }
    : {
        ...english,
        title: "Done",
        texts: [
          `${isSingle ? "This message is" : `All ${deliveries} messages are`} marked as done. You can close this page.`,
        ],
      };
}

/** Formats a duration as a whole number of the largest possible unit. */
function formatDuration(minutes: number): string {
  const units = [
    [1_440, "day"],
    [60, "hour"],
    [1, "minute"],
  ] as const;
  const [size, unit] = units.find(([each]) => minutes % each === 0)!;
  const count = minutes / size;
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
