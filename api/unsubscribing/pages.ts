import type { PageLanguage } from "../../domain/page-languages.ts";
import type { Page, PageButton } from "../recipient-pages/page.ts";
import type { Subscription } from "./perform.ts";
import { type UnsubscribeWords, unsubscribeWords } from "./words.ts";

const fill = (text: string, { typeName }: Subscription) =>
  text.replaceAll("{type}", () => typeName ?? "");

const stopAll = (words: UnsubscribeWords): PageButton => ({
  text: words.stopAll,
  query: "choice=all",
  isSecondary: true,
});
const undo = (words: UnsubscribeWords): PageButton => ({
  text: words.undo,
  query: "choice=undo",
  isSecondary: true,
});

/** Offers to choose instead of stopping: by a link that is sent, because the link of the page is for unsubscribing only. */
const chooseInstead = (words: UnsubscribeWords, { isReachable }: Subscription): PageButton[] =>
  isReachable ? [{ text: words.chooseInstead, query: "choice=link", isSecondary: true }] : [];

/** Makes the page that a link to unsubscribe shows. Programs that check links follow them but press no buttons, so they unsubscribe nobody. */
export function toSubscriptionPage(subscription: Subscription, lang: PageLanguage): Page {
  const words = unsubscribeWords[lang];
  const { typeName, isFixed, isOn } = subscription;
  if (isFixed && isOn)
    return {
      lang,
      title: words.title,
      texts: [fill(words.fixed, subscription)],
      buttons: [
        ...(subscription.isAllOff ? [] : [stopAll(words)]),
        ...chooseInstead(words, subscription),
      ],
    };
  if (!isOn) return toUnsubscribedPage(subscription, lang);
  return {
    lang,
    title: words.title,
    texts: [typeName === null ? words.asksAll : fill(words.asksType, subscription)],
    buttons: [
      { text: words.stop },
      ...(typeName === null ? [] : [stopAll(words)]),
      ...chooseInstead(words, subscription),
    ],
  };
}

/** Makes the page that confirms what a recipient has chosen. */
export function toConfirmationPage(subscription: Subscription, lang: PageLanguage): Page {
  const words = unsubscribeWords[lang];
  const { typeName, isFixed, isOn } = subscription;
  if (!isOn || isFixed)
    return isOn ? toSubscriptionPage(subscription, lang) : toUnsubscribedPage(subscription, lang);
  return {
    lang,
    title: words.onTitle,
    texts: [typeName === null ? words.onAll : fill(words.onType, subscription)],
    buttons: [{ text: words.stop }],
  };
}

function toUnsubscribedPage(subscription: Subscription, lang: PageLanguage): Page {
  const words = unsubscribeWords[lang];
  const { locale, typeName, isFixed, isAllOff, canUndo } = subscription;
  const ofType = typeName !== null && !isAllOff;
  const isKnown = locale !== null && !isFixed;
  return {
    lang,
    title: words.doneTitle,
    texts: [
      ...(ofType ? [fill(words.doneType, subscription)] : [words.doneAll, words.stillComes]),
      ...(canUndo ? [words.undoWhile] : []),
    ],
    buttons: isKnown
      ? [
          ...(canUndo ? [undo(words)] : []),
          ...(ofType ? [stopAll(words)] : []),
          ...chooseInstead(words, subscription),
        ]
      : [],
  };
}

/** Makes the page that answers anybody who asked for a link to their preferences. */
export function toLinkSentPage(lang: PageLanguage): Page {
  const words = unsubscribeWords[lang];
  return { lang, title: words.title, texts: [words.linkSent], buttons: [] };
}
