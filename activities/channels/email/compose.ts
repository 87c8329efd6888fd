import { randomBytes } from "node:crypto";
import { type Mailbox, parseMailbox, type Sender } from "../../../domain/address.ts";
import type { EmailIdentity } from "../../../domain/email-identity.ts";
import type { Effort } from "../../../domain/templates/effort.ts";
import type { TemplateContent } from "../../../domain/templates/content.ts";
import {
  compileEmail,
  emailScope,
  evaluateBodies,
  renderSubject,
  type CompiledEmail,
} from "../../../domain/templates/template.ts";
import { idPrefixes } from "../../../domain/ids.ts";
import { cutText, oneLine } from "../../../domain/text.ts";
import { type CompiledTemplate, fillTemplate } from "../../../domain/templates/liquid.ts";
import type { MessageList, MessageTracking, SendRequest } from "../channel.ts";
import { matchLocale } from "../../../domain/templates/locales.ts";
import type { Message } from "./smtp-job.ts";
import { type ChangedLinks, createMessageLinks, type LinkSettings } from "./message-links.ts";
import { headerText, quotedPrintable, senderHeader, softBreak } from "./mime.ts";

/** A compiled template version. The parts that are the same for every recipient are encoded once. */
interface CompiledMessage {
  email: CompiledEmail;
  /** The last header: the type of the body. */
  contentType: string;
  /** The body before the text part, between the text part and the HTML part, and after it. */
  opening: string;
  between: string;
  closing: string;
  /** The encoded literals of the text part; empty if it has no template of its own. */
  text: readonly string[];
  html: readonly string[];
  /** Whether it has the address at which the recipient unsubscribes. */
  namesUnsubscribing: boolean;
  /** Null if no link is changed, and nothing is tracked. */
  links: ChangedLinks | null;
}

/** The input of a message. */
export type ComposeRequest = Pick<
  SendRequest,
  | "messageId"
  | "templateVersionId"
  | "content"
  | "recipient"
  | "data"
  | "actions"
  | "email"
  | "list"
  | "tracking"
  | "preferencesUrl"
  | "browserUrl"
  | "priority"
> & { additions?: Additions };

/** What few messages have. */
export interface Additions {
  /** The addresses that are shown as receiving copies. */
  cc: readonly string[];
  /** The boundary before each attachment; null without attachments. These are not part of the composed body. */
  boundary: string | null;
}

/** Composes the messages of one sender. */
export interface Composer {
  /**
   * Composes a message, in ASCII unless the mailbox needs SMTPUTF8. The text part and the HTML part are quoted-printable. Throws
   * `TemplateError`, also if the message needs more than `effort` has left.
   */
  compose(request: ComposeRequest, to: Mailbox, effort: Effort): Message;
}

/**
 * Creates a composer. `clock` returns milliseconds since the epoch. At most `keptVersions` compiled versions are cached. Without `links`, no link is changed
 * and nothing is tracked.
 */
export function createComposer({
  sender,
  links,
  clock,
  keptVersions = 100,
}: {
  sender: Sender;
  links?: LinkSettings;
  clock: () => number;
  keptVersions?: number;
}): Composer {
  const compiled = new Map<string, CompiledMessage>();
  const { address, domain } = sender.mailbox;
  const ownOpening = openingOf(null, sender);
  const messageLinks =
    links && createMessageLinks(links, { encode: encodeOutput, encodeLast: quotedPrintable });
  /** The identity of a campaign is one object for all its messages. */
  const identities = new WeakMap<EmailIdentity, Opening>();

  function findOpening(identity: EmailIdentity | null): Opening {
    if (identity === null) return ownOpening;
    const kept = identities.get(identity) ?? openingOf(identity, sender);
    identities.set(identity, kept);
    return kept;
  }

  function messageOf(
    versionId: string,
    content: TemplateContent,
    recipientLocale: string,
    tracking: MessageTracking | undefined,
  ): CompiledMessage {
    const locale = matchLocale(content, recipientLocale);
    const localized = locale === null ? versionId : `${versionId} ${locale}`;
    const key = tracking === undefined ? localized : `${localized} ${keyOf(tracking)}`;
    const kept = compiled.get(key);
    if (kept) return kept;
    const message = compileMessage(content, locale);
    if (tracking && messageLinks)
      message.links = messageLinks.compile(literalsOf(message.email.html), tracking);
    compiled.set(key, message);
    // The oldest version is dropped: compiling it again is cheap compared with its use.
    if (compiled.size > keptVersions) compiled.delete(compiled.keys().next().value!);
    return message;
  }

  return {
    compose(request, to, effort) {
      const { templateVersionId, content, recipient } = request;
      const message = messageOf(templateVersionId, content, recipient.locale, request.tracking);
      const changed = message.links;
      const scope = emailScope(recipient, request.data, request.actions, {
        unsubscribeUrl: message.namesUnsubscribing ? request.list?.unsubscribeUrl : undefined,
        preferencesUrl: request.preferencesUrl,
        browserUrl: request.browserUrl,
      });
      const subject = headerText(renderSubject(message.email, scope, effort));
      const { html, text } = evaluateBodies(message.email, scope, effort);
      const additions = request.additions ?? null;
      const boundary = additions?.boundary ?? null;
      const opening = findOpening(request.email);
      const headers = `${opening.headers}${recipientHeader(recipient, to)}${additions === null ? "" : copyHeader(additions)}\r\nSubject: ${subject}\r\nMessage-ID: <${request.messageId}@${domain}>\r\n${idHeader(request.messageId)}: ${request.messageId}\r\n${request.priority === "critical" ? critical : ""}${request.list === undefined ? "" : listHeaders(request.list, domain)}Date: ${headerDate(clock())}\r\nMIME-Version: 1.0\r\n${boundary === null ? message.contentType : mixedType(boundary)}`;
      const body =
        (boundary === null ? "" : `--${boundary}\r\n${message.contentType}\r\n`) +
        message.opening +
        (typeof text === "string" || changed?.changeText
          ? quotedPrintable(changeText(changed, typeof text === "string" ? text : text.join("")))
          : fillTemplate(
              message.email.text as CompiledTemplate,
              text,
              message.text,
              encodeOutput,
            )) +
        message.between +
        (changed === null
          ? fillTemplate(message.email.html, html, message.html, encodeOutput)
          : changed.fillHtml(html, request.tracking!.message, effort)) +
        message.closing;
      return { from: address, domain: opening.domain, headers, body };
    },
  };
}

const changeText = (links: ChangedLinks | null, text: string): string =>
  links?.changeText?.(text) ?? text;

/** Distinguishes the ways in which the messages of one version are tracked. */
const keyOf = ({ switchId, opens, clicks, utm }: MessageTracking): string =>
  `${switchId} ${opens} ${clicks} ${utm === null ? "" : JSON.stringify(utm)}`;

const literalsOf = ({ pieces }: CompiledTemplate): (string | null)[] =>
  pieces.map((piece) => (typeof piece === "string" ? piece : null));

/** How a message of one identity begins. */
interface Opening {
  headers: string;
  /** The domain of the From header. */
  domain: string;
}

/**
 * The headers up to the value of To. Auto-Submitted shows that no person wrote the message, so that no program answers it (RFC
 * 3834, 5).
 */
function openingOf(identity: EmailIdentity | null, sender: Sender): Opening {
  const mailbox = identity?.fromAddress ? parseMailbox(identity.fromAddress)! : sender.mailbox;
  const from = senderHeader({ name: oneLine(identity?.fromName ?? sender.name), mailbox });
  const replyTo = identity?.replyTo
    ? `Reply-To: ${parseMailbox(identity.replyTo)!.address}\r\n`
    : "";
  return {
    headers: `From: ${from}\r\n${replyTo}Auto-Submitted: auto-generated\r\nTo: `,
    domain: mailbox.domain,
  };
}

/**
 * The headers by which mail programs offer to unsubscribe, at a click without a page (RFC 2369, RFC 8058), and by which lists and complaints are
 * distinguished (RFC 2919, https://support.google.com/a/answer/6254652). One click is offered over https only, as the standard demands. No line is
 * folded, because some relays break the signatures of messages when they fold it again.
 */
function listHeaders(
  { name, unsubscribeUrl, unsubscribeMailto, feedback, isBulk }: MessageList,
  domain: string,
): string {
  const oneClick = unsubscribeUrl.startsWith("https:")
    ? "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    : "";
  const byMail = unsubscribeMailto === undefined ? "" : `, <${unsubscribeMailto}>`;
  return `List-Unsubscribe: <${unsubscribeUrl}>${byMail}\r\n${oneClick}List-Id: <${name}.${domain}>\r\nFeedback-ID: ${feedback}:tidings\r\n${isBulk ? "Precedence: bulk\r\n" : ""}`;
}

const nameLimit = 100;
/** Words that need neither quotes nor encoding, and fit on a line with most addresses. */
const plainName = /^[\w'-]{1,30}(?: [\w'-]{1,30})?$/;

/** The recipient's mailbox, with the name in their attribute `name`. */
function recipientHeader({ attributes }: SendRequest["recipient"], to: Mailbox): string {
  const { name } = attributes;
  if (typeof name !== "string") return to.address;
  if (plainName.test(name)) return `${name}\r\n <${to.address}>`;
  return senderHeader({ name: cutText(oneLine(name), nameLimit), mailbox: to });
}

/** A header with one address on a line. The addresses are safe to write without escaping. */
const copyHeader = ({ cc }: Additions): string =>
  cc.length === 0 ? "" : `\r\nCc: ${cc.join(",\r\n ")}`;

const mixedType = (boundary: string) =>
  `Content-Type: multipart/mixed;\r\n boundary="${boundary}"\r\n`;

/** The header of RFC 2156, and the one that older mail programs read. */
const critical = "Importance: high\r\nX-Priority: 1\r\n";

const idHeader = (messageId: string) =>
  messageId.startsWith(`${idPrefixes.group}_`) ? "X-Tidings-Group" : "X-Tidings-Delivery";

function compileMessage(content: TemplateContent, locale: string | null): CompiledMessage {
  const email = compileEmail(content, locale);
  // "=_" cannot occur in quoted-printable text.
  const boundary = `=_${randomBytes(12).toString("hex")}`;
  const part = (type: string) =>
    `--${boundary}\r\nContent-Type: ${type}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n`;
  return {
    email,
    contentType: `Content-Type: multipart/alternative;\r\n boundary="${boundary}"\r\n`,
    opening: part("text/plain"),
    between: `\r\n${part("text/html")}`,
    closing: `\r\n--${boundary}--\r\n`,
    text: typeof email.text === "function" ? [] : encodeLiterals(email.text),
    html: encodeLiterals(email.html),
    namesUnsubscribing: JSON.stringify(content).includes("unsubscribeUrl"),
    links: null,
  };
}

/**
 * Encodes the literals. Each one begins and ends at the start of a line, except for the last, so that outputs do too, whatever
 * they are.
 */
function encodeLiterals({ pieces }: CompiledTemplate): string[] {
  return pieces.map((piece, index) => {
    if (typeof piece !== "string") return "";
    const encoded = quotedPrintable(piece);
    const whole = index === pieces.length - 1 ? encoded : endLine(encoded);
    // A flat string of one byte a character, since it is copied for every recipient.
    return Buffer.from(whole, "latin1").toString("latin1");
  });
}

const encodeOutput = (value: string) => endLine(quotedPrintable(value));

function endLine(encoded: string): string {
  return encoded === "" || encoded.charCodeAt(encoded.length - 1) === 0x0a
    ? encoded
    : encoded + softBreak;
}

let dateSecond = -1;
let dateText = "";

/** The date of RFC 5322 in UTC, formatted once a second. */
function headerDate(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(ms).toUTCString().replace("GMT", "+0000");
  }
  return dateText;
}
