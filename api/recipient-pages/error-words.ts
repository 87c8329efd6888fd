import type { PageLanguage } from "../../domain/page-languages.ts";

/** The texts of the pages that say what failed, in one language. */
export interface ErrorWords {
  title: string;
  /** The link was never valid, or what it was for was removed. */
  notFound: string;
  expired: string;
  gone: string;
  invalid: string;
  /** Something that passes, such as too many requests. */
  busyTitle: string;
  busy: string;
  /** Anything else. */
  failed: string;
  /** The link in emails that no person sees. */
  nowhereTitle: string;
  nowhere: string;
}

export const errorWords: Record<PageLanguage, ErrorWords> = {
  en: {
    title: "This did not work",
    notFound: "There is nothing under this link. Check that the link is complete.",
    expired: "This link has expired or was revoked.",
    gone: "This link was switched off, or what it led to is no longer available.",
    invalid: "Something that was entered is not valid. Go back, check it and send it again.",
    busyTitle: "Not right now",
    busy: "Please try again in a few minutes.",
    failed: "Please go back and try again.",
    nowhereTitle: "This link leads nowhere",
    nowhere: "It is for programs that check messages. You can close this page.",
  },
  de: {
    title: "Das hat nicht geklappt",
    notFound: "Unter diesem Link gibt es nichts. Prüfen Sie, ob der Link vollständig ist.",
    expired: "Dieser Link ist abgelaufen oder wurde widerrufen.",
    gone: "Dieser Link wurde abgeschaltet, oder sein Inhalt ist nicht mehr verfügbar.",
    invalid:
      "Eine Angabe ist nicht gültig. Gehen Sie zurück, prüfen Sie sie und senden Sie sie noch einmal.",
    busyTitle: "Gerade geht es nicht",
    busy: "Bitte versuchen Sie es in einigen Minuten noch einmal.",
    failed: "Bitte gehen Sie zurück und versuchen Sie es noch einmal.",
    nowhereTitle: "Dieser Link führt nirgendwohin",
    nowhere: "Er ist für Programme, die Nachrichten prüfen. Sie können diese Seite schließen.",
  },
  fr: {
    title: "Cela n’a pas fonctionné",
    notFound: "Ce lien ne mène à rien. Vérifiez qu’il est complet.",
    expired: "Ce lien a expiré ou a été révoqué.",
    gone: "Ce lien a été désactivé, ou son contenu n’est plus disponible.",
    invalid:
      "Une des informations saisies n’est pas valable. Revenez en arrière, vérifiez-la et envoyez-la de nouveau.",
    busyTitle: "Pas pour le moment",
    busy: "Veuillez réessayer dans quelques minutes.",
    failed: "Veuillez revenir en arrière et réessayer.",
    nowhereTitle: "Ce lien ne mène nulle part",
    nowhere:
      "Il est destiné aux programmes qui vérifient les messages. Vous pouvez fermer cette page.",
  },
  es: {
    title: "No ha funcionado",
    notFound: "Este enlace no lleva a nada. Compruebe que está completo.",
    expired: "Este enlace ha caducado o ha sido revocado.",
    gone: "Este enlace se ha desactivado, o su contenido ya no está disponible.",
    invalid: "Algún dato no es válido. Vuelva atrás, revíselo y envíelo de nuevo.",
    busyTitle: "Ahora mismo no es posible",
    busy: "Inténtelo de nuevo dentro de unos minutos.",
    failed: "Vuelva atrás e inténtelo de nuevo.",
    nowhereTitle: "Este enlace no lleva a ninguna parte",
    nowhere: "Es para programas que revisan los mensajes. Puede cerrar esta página.",
  },
};
