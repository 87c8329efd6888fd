import { confirmLinkVariable } from "./topics.ts";
import type { TemplateContent } from "./templates/content.ts";

interface Words {
  subject: string;
  /** What was asked for; the names of the topics follow. */
  asks: string;
  button: string;
  ignore: string;
  /** The text of the link to the recipient's preference centre. */
  change: string;
}

const styles = {
  page: "margin:0;padding:24px 12px;background:#f4f4f5;color:#18181b;font:16px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif",
  card: "max-width:560px;margin:0 auto;padding:24px;background:#fff;border-radius:8px",
  button:
    "display:inline-block;padding:10px 20px;border-radius:6px;background:#1d4ed8;color:#fff;text-decoration:none",
  quiet: "margin:24px 0 0;color:#71717a;font-size:14px",
  link: "color:#71717a",
};

const contentOf = (lang: string, { subject, asks, button, ignore, change }: Words) => ({
  email: {
    subject,
    html: `<!doctype html><html lang="${lang}"><body style="${styles.page}"><div style="${styles.card}">
<p>${asks}</p>
<ul>{% for topic in topics %}<li>{{ topic }}</li>{% endfor %}</ul>
<p><a href="{{ ${confirmLinkVariable} }}" style="${styles.button}">${button}</a></p>
<p style="${styles.quiet}">${ignore}</p>
{% if preferencesUrl %}<p style="${styles.quiet}"><a href="{{ preferencesUrl }}" style="${styles.link}">${change}</a></p>
{% endif %}</div></body></html>
`,
    text: `${asks}

{% for topic in topics %}- {{ topic }}
{% endfor %}
${button}: {{ ${confirmLinkVariable} }}

${ignore}
{% if preferencesUrl %}
${change}: {{ preferencesUrl }}
{% endif %}`,
  },
});

const english: Words = {
  subject: "Please confirm your subscription",
  asks: "Somebody, probably you, asked for messages about:",
  button: "Confirm the subscription",
  ignore:
    "The link is valid for 7 days. If you did not ask for this, ignore this message: you will receive nothing.",
  change: "Choose what you get, and when",
};

const german: Words = {
  subject: "Bitte bestätigen Sie Ihre Anmeldung",
  asks: "Jemand, vermutlich Sie, hat Nachrichten bestellt zu:",
  button: "Anmeldung bestätigen",
  ignore:
    "Der Link gilt 7 Tage. Falls Sie das nicht waren, beachten Sie diese Nachricht nicht: Sie erhalten dann nichts.",
  change: "Wählen, was Sie erhalten und wann",
};

const french: Words = {
  subject: "Veuillez confirmer votre abonnement",
  asks: "Quelqu’un, probablement vous, a demandé à recevoir des messages sur :",
  button: "Confirmer l’abonnement",
  ignore:
    "Le lien est valable 7 jours. Si vous n’avez rien demandé, ignorez ce message : vous ne recevrez rien.",
  change: "Choisir ce que vous recevez, et quand",
};

const spanish: Words = {
  subject: "Confirme su suscripción",
  asks: "Alguien, probablemente usted, ha pedido recibir mensajes sobre:",
  button: "Confirmar la suscripción",
  ignore:
    "El enlace es válido durante 7 días. Si no lo ha pedido, ignore este mensaje: no recibirá nada.",
  change: "Elegir qué recibe y cuándo",
};

/** The email that asks for confirmation where the topic names no template, or its template cannot be used. */
export const defaultConfirmation: TemplateContent = {
  ...contentOf("en", english),
  locales: {
    de: contentOf("de", german),
    fr: contentOf("fr", french),
    es: contentOf("es", spanish),
  },
};
