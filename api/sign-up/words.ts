import { languageOf } from "../../domain/page-languages.ts";

/** The texts of the form, and of the pages that follow, in one language. `{topics}` is what somebody signs up for. */
export interface SignUpWords {
  /** The code of the language, for the page. */
  lang: string;
  title: string;
  asks: string;
  /** Where several topics are offered. */
  asksSeveral: string;
  email: string;
  name: string;
  /** The label of a field that only programs fill in. */
  empty: string;
  send: string;
  privacy: string;
  faultyEmail: string;
  noTopic: string;
  again: string;
  sentTitle: string;
  sent: string;
  sentNote: string;
  confirmTitle: string;
  confirmAsks: string;
  confirm: string;
  confirmedTitle: string;
  confirmed: string;
  voidTitle: string;
  void: string;
}

const en: SignUpWords = {
  lang: "en",
  title: "Sign up",
  asks: "Receive messages about “{topics}” by email.",
  asksSeveral: "Choose what you want to receive messages about by email.",
  email: "Email address",
  name: "Name (optional)",
  empty: "Leave this field empty",
  send: "Sign up",
  privacy: "You can unsubscribe at any time, by a link in each message.",
  faultyEmail: "Please enter an email address, such as ada@example.org.",
  noTopic: "Please choose at least one of them.",
  again: "Please check what you entered, and send it again.",
  sentTitle: "Please check your email",
  sent: "If the address can receive these messages, a message with a link is on its way. Follow the link to confirm.",
  sentNote: "Nothing arrives? Look for it among spam, or try again in an hour.",
  confirmTitle: "Confirm your subscription",
  confirmAsks: "Receive messages about “{topics}” by email?",
  confirm: "Confirm",
  confirmedTitle: "You are subscribed",
  confirmed: "You receive messages about “{topics}”.",
  voidTitle: "This link is no longer valid",
  void: "Links are valid for 7 days, and only until you unsubscribe. Please sign up again.",
};

const de: SignUpWords = {
  lang: "de",
  title: "Anmelden",
  asks: "Nachrichten zu „{topics}“ per E-Mail erhalten.",
  asksSeveral: "Wählen Sie, wozu Sie Nachrichten per E-Mail erhalten möchten.",
  email: "E-Mail-Adresse",
  name: "Name (freiwillig)",
  empty: "Dieses Feld frei lassen",
  send: "Anmelden",
  privacy: "Sie können sich jederzeit abmelden, über einen Link in jeder Nachricht.",
  faultyEmail: "Bitte geben Sie eine E-Mail-Adresse ein, zum Beispiel ada@example.org.",
  noTopic: "Bitte wählen Sie mindestens eines aus.",
  again: "Bitte prüfen Sie Ihre Angaben und senden Sie sie noch einmal.",
  sentTitle: "Bitte prüfen Sie Ihre E-Mails",
  sent: "Falls die Adresse diese Nachrichten empfangen kann, ist eine Nachricht mit einem Link unterwegs. Folgen Sie dem Link, um die Anmeldung zu bestätigen.",
  sentNote:
    "Nichts angekommen? Sehen Sie im Spam-Ordner nach, oder versuchen Sie es in einer Stunde noch einmal.",
  confirmTitle: "Anmeldung bestätigen",
  confirmAsks: "Nachrichten zu „{topics}“ per E-Mail erhalten?",
  confirm: "Bestätigen",
  confirmedTitle: "Sie sind angemeldet",
  confirmed: "Sie erhalten Nachrichten zu „{topics}“.",
  voidTitle: "Dieser Link gilt nicht mehr",
  void: "Links gelten 7 Tage, und nur bis zu einer Abmeldung. Bitte melden Sie sich noch einmal an.",
};

const fr: SignUpWords = {
  lang: "fr",
  title: "S’abonner",
  asks: "Recevoir par e-mail des messages sur « {topics} ».",
  asksSeveral: "Choisissez les thèmes dont vous souhaitez recevoir les messages par e-mail.",
  email: "Adresse e-mail",
  name: "Nom (facultatif)",
  empty: "Laissez ce champ vide",
  send: "S’abonner",
  privacy: "Vous pouvez vous désabonner à tout moment, par un lien dans chaque message.",
  faultyEmail: "Veuillez saisir une adresse e-mail, par exemple ada@example.org.",
  noTopic: "Veuillez en choisir au moins un.",
  again: "Veuillez vérifier votre saisie et l’envoyer de nouveau.",
  sentTitle: "Consultez vos e-mails",
  sent: "Si l’adresse peut recevoir ces messages, un message avec un lien est en route. Suivez ce lien pour confirmer.",
  sentNote: "Rien reçu ? Regardez dans les indésirables, ou réessayez dans une heure.",
  confirmTitle: "Confirmer l’abonnement",
  confirmAsks: "Recevoir par e-mail des messages sur « {topics} » ?",
  confirm: "Confirmer",
  confirmedTitle: "Abonnement confirmé",
  confirmed: "Vous recevrez des messages sur « {topics} ».",
  voidTitle: "Ce lien n’est plus valable",
  void: "Les liens sont valables 7 jours, et seulement jusqu’à un désabonnement. Veuillez vous abonner de nouveau.",
};

const es: SignUpWords = {
  lang: "es",
  title: "Suscribirse",
  asks: "Recibir por correo mensajes sobre «{topics}».",
  asksSeveral: "Elija sobre qué temas quiere recibir mensajes por correo.",
  email: "Correo electrónico",
  name: "Nombre (opcional)",
  empty: "Deje este campo vacío",
  send: "Suscribirse",
  privacy: "Puede darse de baja en cualquier momento, con un enlace en cada mensaje.",
  faultyEmail: "Escriba una dirección de correo, por ejemplo ada@example.org.",
  noTopic: "Elija al menos uno.",
  again: "Revise los datos y envíelos de nuevo.",
  sentTitle: "Revise su correo",
  sent: "Si la dirección puede recibir estos mensajes, hay un correo con un enlace en camino. Siga el enlace para confirmar.",
  sentNote:
    "¿No llega nada? Búsquelo en el correo no deseado, o inténtelo de nuevo dentro de una hora.",
  confirmTitle: "Confirmar la suscripción",
  confirmAsks: "¿Recibir por correo mensajes sobre «{topics}»?",
  confirm: "Confirmar",
  confirmedTitle: "Suscripción confirmada",
  confirmed: "Recibirá mensajes sobre «{topics}».",
  voidTitle: "Este enlace ya no es válido",
  void: "Los enlaces son válidos durante 7 días, y solo hasta que se dé de baja. Suscríbase de nuevo.",
};

export const languages: readonly SignUpWords[] = [en, de, fr, es];

/** The texts in the language of a locale such as `de-AT`; English where there are none in that language. */
export const signUpWordsFor = (locale: string | null): SignUpWords =>
  languages.find(({ lang }) => lang === languageOf(locale))!;
