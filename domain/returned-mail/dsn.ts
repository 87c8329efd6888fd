import { cutText, oneLine } from "../text.ts";
import { readFieldAddress, readFieldGroups } from "./fields.ts";
import { withoutNames } from "./without-names.ts";

/** What a mail server reports of one recipient of a message (RFC 3464). */
export interface RecipientReport {
  /** `failed` is for good. `passed_on`: another server has the message, which reports nothing, so that it may not have arrived. */
  action: "failed" | "delayed" | "delivered" | "passed_on";
  /** The addresses that it names: the one that was given to the first server, and the last one. */
  addresses: readonly string[];
  /** The answer of the last server, which begins with its code if it has one. */
  reply: string;
}

/** More recipients than one of our messages has, so that a report without end costs nothing. */
const mostRecipients = 100;
const replyLimit = 1_000;
/** How much of an answer is read, of which parts are left out. */
const quotedLimit = 4_000;
/** How much of a text is searched for the reason. */
const textLimit = 20_000;

const actions: Record<string, RecipientReport["action"] | undefined> = {
  failed: "failed",
  delayed: "delayed",
  delivered: "delivered",
  relayed: "passed_on",
  expanded: "passed_on",
};

/** Reads the part `message/delivery-status` of a report. Groups that are not about a recipient are skipped. */
export function readDeliveryStatus(text: string): RecipientReport[] {
  const reports: RecipientReport[] = [];
  for (const fields of readFieldGroups(text)) {
    const [word = ""] = /^[a-z]+/i.exec(fields.get("action") ?? "") ?? [];
    const action = actions[word.toLowerCase()];
    if (action === undefined) continue;
    const addresses = ["original-recipient", "final-recipient"].flatMap(
      (name) => readFieldAddress(fields.get(name)) ?? [],
    );
    const reply = replyOf(fields.get("status"), fields.get("diagnostic-code"));
    reports.push({ action, addresses: [...new Set(addresses)], reply });
    if (reports.length === mostRecipients) break;
  }
  return reports;
}

/** An answer of a server that has an enhanced code of its own (RFC 3463). */
const answerWithCode = /\b[45]\d\d[ -][45]\.\d{1,3}\.\d{1,3}\b/;
const statusCode = /\b[45]\.(\d{1,3})\.\d{1,3}\b/;

/** Joins the status and the answer: the code of the last server counts, then the status, and then the words of the answer. */
function replyOf(status = "", diagnostic = ""): string {
  const [, said = diagnostic] = /^[\w-]+\s*;\s*(.*)$/s.exec(diagnostic) ?? [];
  const answer = answerWithCode.exec(said);
  if (answer) return limit(said.slice(answer.index));
  const [code, subject] = statusCode.exec(status) ?? [];
  if (code !== undefined && subject !== "0") return limit(`${code} ${said}`);
  const plain = /\b[45]\d\d[ -]/.exec(said);
  return limit(plain ? said.slice(plain.index) : `${code ?? ""} ${said}`);
}

/** Control characters cannot be stored. */
const limit = (text: string) =>
  cutText(
    oneLine(withoutNames(cutText(text, quotedLimit)).replaceAll(/\p{Cc}+/gu, " ")),
    replyLimit,
  );

/** Words by which servers that send no reports say that they have given up, and that they are still trying. */
const saysFailed =
  /could(?: not|n't) be delivered|undeliver(?:able|ed)|deliver(?:y|ed)[^.\n]{0,60} fail(?:ed|ure)|permanent (?:fatal )?(?:error|failure)|unable to deliver|not able to deliver|wasn't able to deliver|did not reach|returned (?:mail|to sender)|failure notice|was not delivered|failed permanently|rejected your message/i;
const saysDelayed =
  /\bwarning\b|\bdelayed\b|will be retried|still (?:being )?(?:trying|retried|queued)|will (?:continue|keep) (?:to )?(?:try|trying)|not yet been delivered|temporar(?:y|ily)/i;
/** Where the copy of the message begins. */
const copyBegins =
  /^[-_ ]{0,200}(?:this is a copy of|below this line is a copy|original message|message header follows|(?:start of )?returned message|unsent message below)/im;

/**
 * Reads the text of a bounce of a server that sends no reports, such as qmail; null if the text is none. Without a code or words that name the reason, the
 * address is not at fault for good.
 * @param failedAddresses of the header X-Failed-Recipients
 */
export function readBounceText(
  subject: string,
  text: string,
  failedAddresses: readonly string[],
): RecipientReport | null {
  const whole = cutText(text, textLimit).replaceAll(/\r\n?/g, "\n");
  const copyAt = copyBegins.exec(whole)?.index;
  const own = copyAt === undefined ? whole : whole.slice(0, copyAt);
  const isFailed = saysFailed.test(subject) || saysFailed.test(own) || failedAddresses.length > 0;
  const isDelayed = saysDelayed.test(subject);
  if (!isFailed && !isDelayed && !saysDelayed.test(own)) return null;
  const named = readFieldAddress(own);
  const addresses = failedAddresses.length > 0 ? failedAddresses : named === null ? [] : [named];
  return {
    action: isFailed && !isDelayed ? "failed" : "delayed",
    addresses: addresses.slice(0, mostRecipients),
    reply: limit(reasonIn(own)),
  };
}

/** The part of a text that begins with a code, or otherwise what follows the first address. */
function reasonIn(text: string): string {
  const answer = answerWithCode.exec(text);
  if (answer) return paragraphAt(text, answer.index);
  const code = /#?\b([45]\.\d{1,3}\.\d{1,3})\b/.exec(text);
  if (code) {
    // qmail writes the code behind the reason.
    const start = text.lastIndexOf("\n\n", code.index);
    return `${code[1]} ${paragraphAt(text, start < 0 ? 0 : start + 2)}`;
  }
  const plain = /(?:^|[\s:])([45]\d\d)[ :-]/m.exec(text);
  if (plain) {
    const rest = paragraphAt(text, plain.index + plain[0].length);
    return `${plain[1]} ${rest}`;
  }
  const address = /^[ \t]*<?\S{1,200}@\S{1,255}/m.exec(text);
  return address ? paragraphAt(text, address.index + address[0].length) : "";
}

function paragraphAt(text: string, start: number): string {
  const end = text.indexOf("\n\n", start + 1);
  return text.slice(start, end < 0 ? undefined : end);
}
