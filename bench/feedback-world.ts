import { once } from "node:events";
import { createTransport } from "nodemailer";
import PostalMime from "postal-mime";
import { SMTPServer } from "smtp-server";
import { Pool } from "undici";
import { freePort } from "../cli/stack/ports.ts";

/*
 * A mail server, its users and its filters, which accept every message and say later what became of it. What happens to a message depends only on its
 * recipient, whose address is `user-<number>@example.org`.
 */

/** What happens to the messages of a recipient, by the recipient's number. */
const reactions = {
  bounced: (n: number) => n % 100 < 3,
  complained: (n: number) => n % 1_000 === 555,
  scanned: (n: number) => n % 5 === 4,
  opened: (n: number) => n % 10 >= 5 && n % 10 <= 7,
  clicked: (n: number) => n % 10 === 5,
  unsubscribed: (n: number) => n % 50 === 17,
} satisfies Record<string, (n: number) => boolean>;
type Reaction = keyof typeof reactions;

/** A message as the server has it. */
interface Kept {
  address: string;
  returnPath: string;
  headers: string;
  image: string;
  links: string[];
  unsubscribeUrl: string;
}

/** What the log of the server says: the addresses of each reaction, and all that received a message. */
export type FeedbackLog = Record<Reaction | "accepted", Set<string>>;

export interface FeedbackWorld {
  /** Where mail is sent to. */
  smtpUrl: string;
  log: FeedbackLog;
  /** Does what people and filters do with the messages that came, and resolves when all of it has been answered. */
  react(): Promise<void>;
  stop(): Promise<void>;
}

const person = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0";
const scanner = "Mozilla/5.0 (compatible; Mail-Scanner/1.0; +https://example.net/bot)";
/** People and filters do not come all at once. */
const atOnce = 4;

/** Starts the server. Reports go to the domain of return addresses, at `inboundPort`. */
export async function startFeedbackWorld({
  inboundPort,
  bounceDomain,
}: {
  inboundPort: number;
  bounceDomain: string;
}): Promise<FeedbackWorld> {
  const kept: Kept[] = [];
  const log: FeedbackLog = {
    accepted: new Set(),
    bounced: new Set(),
    complained: new Set(),
    scanned: new Set(),
    opened: new Set(),
    clicked: new Set(),
    unsubscribed: new Set(),
  };
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["AUTH", "STARTTLS"],
    hideENHANCEDSTATUSCODES: false,
    onData(stream, session, answer) {
      const pieces: Buffer[] = [];
      stream.on("data", (piece: Buffer) => pieces.push(piece));
      stream.on("end", () => {
        const raw = Buffer.concat(pieces);
        const { mailFrom, rcptTo } = session.envelope;
        keep(raw, mailFrom ? mailFrom.address : "", rcptTo[0]!.address).then(
          () => answer(),
          answer,
        );
      });
    },
  });

  async function keep(raw: Buffer, returnPath: string, address: string): Promise<void> {
    const { html = "", headers } = await PostalMime.parse(raw);
    const listed = headers.find(({ key }) => key === "list-unsubscribe")?.value ?? "";
    log.accepted.add(address);
    kept.push({
      address,
      returnPath,
      headers: raw.subarray(0, raw.indexOf("\r\n\r\n")).toString("latin1"),
      image: /<img[^>]* src="([^"]*\/t\/o\/[^"]*)"/.exec(html)?.[1] ?? "",
      links: [...html.matchAll(/href="([^"]*\/t\/c\/[^"]*)"/g)].map(([, url]) =>
        url!.replaceAll("&amp;", "&"),
      ),
      unsubscribeUrl: /<(http[^>]*)>/.exec(listed)?.[1] ?? "",
    });
  }

  const port = await freePort();
  server.listen(port, "127.0.0.1");
  await once(server.server, "listening");
  const mailer = createTransport({
    host: "127.0.0.1",
    port: inboundPort,
    ignoreTLS: true,
    pool: true,
    maxConnections: atOnce,
  });
  const report = (to: string, raw: string) =>
    mailer.sendMail({ envelope: { from: "", to }, raw: raw.replaceAll("\n", "\r\n") });

  const pools = new Map<string, Pool>();
  async function request(
    url: string,
    userAgent: string,
    more: { method?: "HEAD" | "POST"; body?: string } = {},
  ) {
    const { origin, pathname, search } = new URL(url);
    const pool = pools.get(origin) ?? new Pool(origin, { connections: atOnce });
    pools.set(origin, pool);
    const { method = "GET", body = null } = more;
    const response = await pool.request({
      path: pathname + search,
      method,
      body,
      headers: {
        "user-agent": userAgent,
        ...(body !== null && { "content-type": "application/x-www-form-urlencoded" }),
      },
    });
    await response.body.dump();
    if (response.statusCode >= 400) throw new Error(`${pathname} answered ${response.statusCode}`);
  }

  /** Does something with the messages of a reaction, a few at a time, and writes it down. */
  async function each(
    reaction: Reaction,
    work: (message: Kept) => Promise<unknown>,
  ): Promise<void> {
    const waiting = kept.filter(({ address }) => reactions[reaction](numberOf(address)));
    const worker = async () => {
      for (let message = waiting.shift(); message; message = waiting.shift()) {
        await work(message);
        log[reaction].add(message.address);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }

  return {
    smtpUrl: `smtp://127.0.0.1:${port}`,
    log,
    async react() {
      await each("scanned", async ({ image, links, unsubscribeUrl }) => {
        for (const url of [...links, image, unsubscribeUrl]) {
          await request(url, scanner, { method: "HEAD" });
          await request(url, scanner);
        }
      });
      await each("opened", ({ image }) => request(image, person));
      // The first link is one that people see: the link that only programs follow comes last.
      await each("clicked", ({ links }) => request(links[0]!, person));
      await each("unsubscribed", ({ unsubscribeUrl }) =>
        request(unsubscribeUrl, person, { method: "POST", body: "List-Unsubscribe=One-Click" }),
      );
      await each("bounced", ({ address, returnPath }) => report(returnPath, bounceOf(address)));
      await each("complained", (message) =>
        report(`feedback@${bounceDomain}`, complaintAbout(message)),
      );
    },
    async stop() {
      mailer.close();
      for (const pool of pools.values()) await pool.close();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const numberOf = (address: string) => Number(/\d+/.exec(address)![0]);

/** A report of a message that could not be delivered (RFC 3464). */
const bounceOf = (address: string) => `From: MAILER-DAEMON@mx.example.org
Subject: Undelivered Mail Returned to Sender
Message-ID: <bounce-${numberOf(address)}@mx.example.org>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"

--=_b
Content-Type: text/plain

The message could not be delivered.
--=_b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; ${address}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <${address}>: Recipient address rejected: User unknown
--=_b--
`;

/** A report of a user who says that a message is spam (RFC 5965). */
const complaintAbout = ({ address, returnPath, headers }: Kept) => `From: feedback@example.org
Subject: Abuse report
Message-ID: <complaint-${numberOf(address)}@example.org>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="=_c"

--=_c
Content-Type: text/plain

A user says that this message is spam.
--=_c
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Example/1.0
Version: 1
--=_c
Content-Type: text/rfc822-headers

Return-Path: <${returnPath}>
${headers.replaceAll("\r\n", "\n")}
--=_c--
`;
