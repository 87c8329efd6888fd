import type { RecipientAction } from "../../domain/action.ts";
import type { PageLanguage } from "../../domain/page-languages.ts";
import type { Page } from "../recipient-pages/page.ts";
import type { ActionOutcome, SnoozeRefusal } from "./perform.ts";
import { actionWords } from "./words.ts";

/** Makes the page that asks for confirmation. Programs that check links follow them but press no buttons, so they perform no action. */
export function toQuestionPage(
  action: Exclude<RecipientAction, { action: "view" }>,
  lang: PageLanguage,
): Page {
  const words = actionWords[lang];
  return action.action === "snooze"
    ? {
        lang,
        title: words.snooze,
        texts: [words.snoozeAsks.replace("{when}", formatDuration(action.minutes, lang))],
        buttons: [{ text: words.snooze }],
      }
    : {
        lang,
        title: words.complete,
        texts: [words.completeAsks],
        buttons: [{ text: words.complete }],
      };
}

/** Makes the page that confirms what was done. */
export function toConfirmationPage(
  { action, deliveries }: ActionOutcome,
  lang: PageLanguage,
): Page {
  const words = actionWords[lang];
  const [title, one, many] =
    action === "snooze"
      ? [words.snoozedTitle, words.snoozedOne, words.snoozedMany]
      : [words.completedTitle, words.completedOne, words.completedMany];
  const text = deliveries === 1 ? one : many.replace("{count}", String(deliveries));
  return { lang, title, texts: [`${text} ${words.close}`], buttons: [] };
}

/** Makes the page that says why a message is not sent again. */
export function toRefusalPage(why: SnoozeRefusal["why"], lang: PageLanguage): Page {
  const words = actionWords[lang];
  return { lang, title: words.refusedTitle, texts: [words[why]], buttons: [] };
}

/** Formats a time from now, such as "in 2 hours", as a whole number of the largest possible unit. */
function formatDuration(minutes: number, lang: PageLanguage): string {
  const units = [
    [1_440, "day"],
    [60, "hour"],
    [1, "minute"],
  ] as const;
  const [size, unit] = units.find(([each]) => minutes % each === 0)!;
  return new Intl.RelativeTimeFormat(lang).format(minutes / size, unit);
}
