import { languageOf, type PageLanguage, pageLanguages } from "../page-languages.ts";
import type { NotificationAction } from "../notification.ts";

type ActionLabels = Readonly<Record<NotificationAction["action"], string>>;

/** The sentences of summaries and the labels of actions, in one language. `{count}` is a number, and `{type}` the name of a notification type. */
export interface SummaryWords {
  lang: PageLanguage;
  batchTitle: string;
  digestTitle: string;
  /** The name of messages without a type. */
  notifications: string;
  /** How many further items there are. */
  more: { one: string; many: string };
  /** Before the last of several titles. */
  and: string;
  /** How many others there are after the titles. */
  others: { one: string; many: string };
  /** The text of the link to the recipient's preference centre. */
  change: string;
  /** The labels of actions that have none of their own. */
  actions: ActionLabels;
  /** The labels of actions on all members of a group. Those of a batch's type replace them. */
  groupActions: ActionLabels;
}

const en: SummaryWords = {
  lang: "en",
  batchTitle: "{count} new: {type}",
  digestTitle: "Your digest: {count} notifications",
  notifications: "Notifications",
  more: { one: "and {count} more", many: "and {count} more" },
  and: "and",
  others: { one: "{count} other", many: "{count} others" },
  change: "Choose what you get, and when",
  actions: { view: "View", snooze: "Snooze", complete: "Mark as done" },
  groupActions: { view: "View all", snooze: "Snooze all", complete: "Mark all as done" },
};

const de: SummaryWords = {
  lang: "de",
  batchTitle: "{count} neu: {type}",
  digestTitle: "Ihre Zusammenfassung: {count} Benachrichtigungen",
  notifications: "Benachrichtigungen",
  more: { one: "und {count} weitere", many: "und {count} weitere" },
  and: "und",
  others: { one: "{count} weitere", many: "{count} weitere" },
  change: "Auswählen, was Sie erhalten, und wann",
  actions: { view: "Ansehen", snooze: "Später erinnern", complete: "Als erledigt markieren" },
  groupActions: {
    view: "Alle ansehen",
    snooze: "An alle später erinnern",
    complete: "Alle als erledigt markieren",
  },
};

const fr: SummaryWords = {
  lang: "fr",
  batchTitle: "Du nouveau ({count}) : {type}",
  digestTitle: "Votre récapitulatif : {count} notifications",
  notifications: "Notifications",
  more: { one: "et {count} autre", many: "et {count} autres" },
  and: "et",
  others: { one: "{count} autre", many: "{count} autres" },
  change: "Choisir ce que vous recevez, et quand",
  actions: { view: "Voir", snooze: "Rappeler plus tard", complete: "Marquer comme terminé" },
  groupActions: {
    view: "Tout voir",
    snooze: "Tout rappeler plus tard",
    complete: "Tout marquer comme terminé",
  },
};

const es: SummaryWords = {
  lang: "es",
  batchTitle: "Novedades ({count}): {type}",
  digestTitle: "Su resumen: {count} notificaciones",
  notifications: "Notificaciones",
  more: { one: "y {count} más", many: "y {count} más" },
  and: "y",
  others: { one: "{count} más", many: "{count} más" },
  change: "Elegir qué recibe y cuándo",
  actions: { view: "Ver", snooze: "Recordar más tarde", complete: "Marcar como hecho" },
  groupActions: {
    view: "Ver todo",
    snooze: "Recordar todo más tarde",
    complete: "Marcar todo como hecho",
  },
};

const words: Record<PageLanguage, SummaryWords> = { en, de, fr, es };

/** The words for each language, English first. */
export const summaryWords: readonly SummaryWords[] = pageLanguages.map((lang) => words[lang]);

/** The words in the language of a locale; English where there are none in its own. */
export const summaryWordsFor = (locale: string): SummaryWords => words[languageOf(locale)];
