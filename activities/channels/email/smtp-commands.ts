import type { Connection } from "./smtp-connect.ts";
import type { EnvelopeCommand } from "./smtp-envelope.ts";
import type { Job } from "./smtp-job.ts";
import type { SmtpWire } from "./smtp-wire.ts";

/** MAIL, RCPT and DATA; or MAIL and each RCPT of a mail with copies, whose DATA is written later. */
const countCommands = ({ mail: { copies } }: Job) => (copies === undefined ? 3 : 2 + copies.length);

/** Everything is ASCII, except for mails with SMTPUTF8. Latin-1 is the faster encoding. */
const chooseEncoding = ({ mail }: Job): BufferEncoding => (mail.smtpUtf8 ? "utf8" : "latin1");

/** The recipient is reported if it cannot be reached; nothing is reported of copies, whose owners are not those of the delivery. */
function formatRecipient(mailbox: string, reports: "failure" | "never" | null): string {
  if (reports === null) return `RCPT TO:<${mailbox}>\r\n`;
  const parameters =
    reports === "never" ? "NOTIFY=NEVER" : `NOTIFY=FAILURE ORCPT=rfc822;${toXtext(mailbox)}`;
  return `RCPT TO:<${mailbox}> ${parameters}\r\n`;
}

/** The form of addresses in parameters (RFC 3461, section 4). */
const toXtext = (text: string) =>
  text.replaceAll(
    /[^!-*,-<>-~]/g,
    (letter) => `+${letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );

/** Writes the commands and contents of a session, in as few writes as the server allows. */
export class CommandWriter {
  readonly #wire: SmtpWire;
  readonly #dsn: boolean;

  constructor(wire: SmtpWire, { dsn }: Pick<Connection, "dsn">) {
    this.#wire = wire;
    this.#dsn = dsn;
  }

  /** Writes one command, for servers that want each command to wait for its reply. `place` says which RCPT it is. */
  writeCommand(job: Job, command: EnvelopeCommand, place = 0): void {
    const text =
      command === "RCPT" && place > 0
        ? formatRecipient(job.mail.copies![place - 1]!, this.#areReportsSet(job) ? "never" : null)
        : this.#format(job, command);
    this.#wire.write(text, chooseEncoding(job), 1);
  }

  /** Writes the envelope as one group, beginning with `first` (RFC 2920). DATA is left out for a mail with copies. */
  writeEnvelope(job: Job, first: "RSET" | "MAIL"): void {
    const envelope = this.#formatEnvelope(job);
    if (first === "MAIL") this.#wire.write(envelope, chooseEncoding(job), countCommands(job));
    else this.#wire.write(`RSET\r\n${envelope}`, chooseEncoding(job), 1 + countCommands(job));
  }

  encode(job: Job, content: string): Buffer {
    return Buffer.from(content, chooseEncoding(job));
  }

  /** Writes a block of a content. */
  writeBlock(block: Buffer, onWritten: (error?: Error | null) => void): void {
    this.#wire.write(block, undefined, 0, onWritten);
  }

  /** Writes the rest of a content and its final dot, followed by the envelope of another mail if one is given. */
  writeEnd(
    job: Job,
    rest: string,
    rider: Job | undefined,
    onWritten?: (error?: Error | null) => void,
  ): void {
    if (rider) {
      const encoding = chooseEncoding(job.mail.smtpUtf8 ? job : rider);
      const text = `${rest}.\r\n${this.#formatEnvelope(rider)}`;
      this.#wire.write(text, encoding, 1 + countCommands(rider), onWritten);
    } else {
      this.#wire.write(`${rest}.\r\n`, chooseEncoding(job), 1, onWritten);
    }
  }

  #formatEnvelope(job: Job): string {
    const { copies } = job.mail;
    const recipient = `${this.#format(job, "MAIL")}${this.#format(job, "RCPT")}`;
    return copies === undefined
      ? `${recipient}DATA\r\n`
      : recipient +
          copies
            .map((copy) => formatRecipient(copy, this.#areReportsSet(job) ? "never" : null))
            .join("");
  }

  /** Whether the server is told what to report. An address beyond ASCII would need another form of the parameter (RFC 6533). */
  #areReportsSet({ mail }: Job): boolean {
    return this.#dsn && mail.reportId !== undefined && !mail.smtpUtf8;
  }

  #format(job: Job, command: EnvelopeCommand): string {
    const { mail, message } = job;
    const reports = this.#areReportsSet(job);
    switch (command) {
      case "MAIL":
        return `MAIL FROM:<${message!.from}>${mail.smtpUtf8 ? " SMTPUTF8" : ""}${reports ? ` RET=HDRS ENVID=${mail.reportId}` : ""}\r\n`;
      case "RCPT":
        return formatRecipient(mail.to, reports ? "failure" : null);
      case "RSET":
      case "DATA":
        return `${command}\r\n`;
    }
  }
}
