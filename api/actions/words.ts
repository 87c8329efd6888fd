import type { PageLanguage } from "../../domain/page-languages.ts";

/** The texts of the pages on which recipients act on a message, in one language. `{when}` is such as "in 2 hours", and `{count}` a number of messages. */
interface ActionWords {
  snooze: string;
  snoozeAsks: string;
  snoozedTitle: string;
  snoozedOne: string;
  snoozedMany: string;
  complete: string;
  completeAsks: string;
  completedTitle: string;
  completedOne: string;
  completedMany: string;
  close: string;
  refusedTitle: string;
  /** Why a message cannot be snoozed. */
  completed: string;
  taken_back: string;
  came_again: string;
}

export const actionWords: Record<PageLanguage, ActionWords> = {
  en: {
    snooze: "Remind me later",
    snoozeAsks: "You will receive this message again {when}.",
    snoozedTitle: "Reminder set",
    snoozedOne: "You will receive this message again later.",
    snoozedMany: "You will receive all {count} messages again later.",
    complete: "Mark as done",
    completeAsks: "You will not receive this message again.",
    completedTitle: "Done",
    completedOne: "This message is marked as done.",
    completedMany: "All {count} messages are marked as done.",
    close: "You can close this page.",
    refusedTitle: "No reminder is set",
    completed: "It is already marked as done, so the message is not sent again.",
    taken_back: "The message was cancelled or recalled, so it is not sent again.",
    came_again: "The message was already sent again.",
  },
  de: {
    snooze: "Später erinnern",
    snoozeAsks: "Sie erhalten diese Nachricht {when} noch einmal.",
    snoozedTitle: "Erinnerung gesetzt",
    snoozedOne: "Sie erhalten diese Nachricht später noch einmal.",
    snoozedMany: "Sie erhalten alle {count} Nachrichten später noch einmal.",
    complete: "Als erledigt markieren",
    completeAsks: "Sie erhalten diese Nachricht dann nicht noch einmal.",
    completedTitle: "Erledigt",
    completedOne: "Diese Nachricht ist als erledigt markiert.",
    completedMany: "Alle {count} Nachrichten sind als erledigt markiert.",
    close: "Sie können diese Seite schließen.",
    refusedTitle: "Keine Erinnerung gesetzt",
    completed:
      "Die Nachricht ist schon als erledigt markiert und wird deshalb nicht noch einmal gesendet.",
    taken_back:
      "Die Nachricht wurde storniert oder zurückgerufen und wird deshalb nicht noch einmal gesendet.",
    came_again: "Die Nachricht wurde schon noch einmal gesendet.",
  },
  fr: {
    snooze: "Me le rappeler plus tard",
    snoozeAsks: "Vous recevrez de nouveau ce message {when}.",
    snoozedTitle: "Rappel enregistré",
    snoozedOne: "Vous recevrez de nouveau ce message plus tard.",
    snoozedMany: "Vous recevrez de nouveau les {count} messages plus tard.",
    complete: "Marquer comme terminé",
    completeAsks: "Vous ne recevrez plus ce message.",
    completedTitle: "Terminé",
    completedOne: "Ce message est marqué comme terminé.",
    completedMany: "Les {count} messages sont marqués comme terminés.",
    close: "Vous pouvez fermer cette page.",
    refusedTitle: "Aucun rappel enregistré",
    completed: "Ce message est déjà marqué comme terminé : il ne sera pas renvoyé.",
    taken_back: "Ce message a été annulé ou rappelé : il ne sera pas renvoyé.",
    came_again: "Ce message a déjà été renvoyé.",
  },
  es: {
    snooze: "Recordármelo más tarde",
    snoozeAsks: "Volverá a recibir este mensaje {when}.",
    snoozedTitle: "Recordatorio guardado",
    snoozedOne: "Volverá a recibir este mensaje más tarde.",
    snoozedMany: "Volverá a recibir los {count} mensajes más tarde.",
    complete: "Marcar como hecho",
    completeAsks: "No volverá a recibir este mensaje.",
    completedTitle: "Hecho",
    completedOne: "Este mensaje está marcado como hecho.",
    completedMany: "Los {count} mensajes están marcados como hechos.",
    close: "Puede cerrar esta página.",
    refusedTitle: "No se ha guardado ningún recordatorio",
    completed: "El mensaje ya está marcado como hecho, así que no se enviará de nuevo.",
    taken_back: "El mensaje se ha cancelado o retirado, así que no se enviará de nuevo.",
    came_again: "El mensaje ya se ha enviado de nuevo.",
  },
};
