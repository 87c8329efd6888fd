import type { PageLanguage } from "../../domain/page-languages.ts";

/** The texts of the pages on which recipients unsubscribe, in one language. `{type}` is the name of a notification type. */
export interface UnsubscribeWords {
  title: string;
  /** What the link stops: one type, or all email that can be switched off. */
  asksType: string;
  asksAll: string;
  stop: string;
  stopAll: string;
  doneTitle: string;
  doneType: string;
  doneAll: string;
  /** What still comes after all email was switched off. */
  stillComes: string;
  /** How long it can be undone. */
  undoWhile: string;
  undo: string;
  onTitle: string;
  onType: string;
  onAll: string;
  fixed: string;
  chooseInstead: string;
  linkSent: string;
}

const en: UnsubscribeWords = {
  title: "Unsubscribe",
  asksType: "Stop emails of the kind “{type}”?",
  asksAll: "Stop all emails that you can switch off?",
  stop: "Unsubscribe",
  stopAll: "Stop all emails",
  doneTitle: "You are unsubscribed",
  doneType: "You receive no more emails of the kind “{type}”.",
  doneAll: "You receive no more of these emails.",
  stillComes: "Only messages that you must receive, such as security alerts, still arrive.",
  undoWhile: "You can undo this here for 24 hours.",
  undo: "Undo",
  onTitle: "You are subscribed",
  onType: "You receive emails of the kind “{type}” again.",
  onAll: "You receive these emails again.",
  fixed: "Emails of the kind “{type}” cannot be switched off.",
  chooseInstead: "Choose what I get instead",
  linkSent: "An email with a link to your settings is on its way.",
};

const de: UnsubscribeWords = {
  title: "Abmelden",
  asksType: "Keine E-Mails der Art „{type}“ mehr erhalten?",
  asksAll: "Alle E-Mails beenden, die sich abschalten lassen?",
  stop: "Abmelden",
  stopAll: "Alle E-Mails beenden",
  doneTitle: "Sie sind abgemeldet",
  doneType: "Sie erhalten keine E-Mails der Art „{type}“ mehr.",
  doneAll: "Sie erhalten diese E-Mails nicht mehr.",
  stillComes:
    "Nur Nachrichten, die Sie erhalten müssen, wie Sicherheitshinweise, kommen weiterhin an.",
  undoWhile: "Sie können dies hier 24 Stunden lang rückgängig machen.",
  undo: "Rückgängig machen",
  onTitle: "Sie sind angemeldet",
  onType: "Sie erhalten wieder E-Mails der Art „{type}“.",
  onAll: "Sie erhalten diese E-Mails wieder.",
  fixed: "E-Mails der Art „{type}“ lassen sich nicht abschalten.",
  chooseInstead: "Stattdessen auswählen, was ich erhalte",
  linkSent: "Eine E-Mail mit einem Link zu Ihren Einstellungen ist unterwegs.",
};

const fr: UnsubscribeWords = {
  title: "Se désabonner",
  asksType: "Ne plus recevoir les e-mails « {type} » ?",
  asksAll: "Ne plus recevoir aucun des e-mails que vous pouvez désactiver ?",
  stop: "Se désabonner",
  stopAll: "Arrêter tous les e-mails",
  doneTitle: "Désabonnement enregistré",
  doneType: "Vous ne recevrez plus les e-mails « {type} ».",
  doneAll: "Vous ne recevrez plus ces e-mails.",
  stillComes:
    "Seuls les messages indispensables, comme les alertes de sécurité, vous parviendront encore.",
  undoWhile: "Vous pouvez annuler cela ici pendant 24 heures.",
  undo: "Annuler",
  onTitle: "Abonnement rétabli",
  onType: "Vous recevez à nouveau les e-mails « {type} ».",
  onAll: "Vous recevez à nouveau ces e-mails.",
  fixed: "Les e-mails « {type} » ne peuvent pas être désactivés.",
  chooseInstead: "Choisir plutôt ce que je reçois",
  linkSent: "Un e-mail avec un lien vers vos réglages est en route.",
};

const es: UnsubscribeWords = {
  title: "Cancelar la suscripción",
  asksType: "¿Dejar de recibir los correos «{type}»?",
  asksAll: "¿Dejar de recibir todos los correos que se pueden desactivar?",
  stop: "Cancelar la suscripción",
  stopAll: "Detener todos los correos",
  doneTitle: "Suscripción cancelada",
  doneType: "Ya no recibirá correos «{type}».",
  doneAll: "Ya no recibirá estos correos.",
  stillComes: "Solo seguirán llegando los mensajes imprescindibles, como los avisos de seguridad.",
  undoWhile: "Puede deshacerlo aquí durante 24 horas.",
  undo: "Deshacer",
  onTitle: "Suscripción restablecida",
  onType: "Vuelve a recibir los correos «{type}».",
  onAll: "Vuelve a recibir estos correos.",
  fixed: "Los correos «{type}» no se pueden desactivar.",
  chooseInstead: "Prefiero elegir qué recibo",
  linkSent: "Un correo con un enlace a sus ajustes está en camino.",
};

export const unsubscribeWords: Record<PageLanguage, UnsubscribeWords> = { en, de, fr, es };
