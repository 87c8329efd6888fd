import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";

export interface ReceivedMail {
  to: string[];
  raw: Buffer;
  email: Email;
}

/** Starts a mail server that keeps and parses what it receives, and refuses the addresses that begin with `refused`. */
export async function startMailbox(options: SMTPServerOptions = {}) {
  const received: ReceivedMail[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS", "AUTH"],
    disableReverseLookup: true,
    logger: false,
    onRcptTo: ({ address }, _session, done) =>
      address.startsWith("refused")
        ? done(Object.assign(new Error("no such user"), { responseCode: 550 }))
        : done(),
    onData(stream, { envelope }, done) {
      buffer(stream)
        .then(async (raw) => {
          const to = envelope.rcptTo.map(({ address }) => address);
          received.push({ to, raw, email: await PostalMime.parse(raw) });
          done();
        })
        .catch(done);
    },
    ...options,
  });
  server.on("error", () => {});
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  return {
    received,
    port: (server.server.address() as AddressInfo).port,
    close: () => new Promise<void>((resolve) => server.close(resolve)),
  };
}
