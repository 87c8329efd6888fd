import { TLSSocket } from "node:tls";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import type { SmtpProvider } from "../../config/smtp.ts";
import { smtpConnectionOptions } from "../../config/smtp.ts";
import { MissingError } from "../stack/missing.ts";
import { ok, reasonOf, type Check } from "./check.ts";
import { providersIfGiven } from "./configuration.ts";
import type { Surroundings } from "./surroundings.ts";

const stepTimeoutMs = 5_000;

/** Checks the configured SMTP servers: connects, negotiates TLS, signs in, and sends no message. Without servers, `npm start` runs a mailbox. */
export function smtpChecks({ environment }: Surroundings): Check[] {
  return providersIfGiven(environment).smtp.map((provider) => {
    const name = `SMTP ${provider.name}`;
    return {
      name,
      required: true,
      mend: "Start it, or correct its entry in SMTP_URL or PROVIDERS",
      look: async () => {
        const { protocol, signedIn, offersTls } = await greet(provider);
        const where = `${provider.host}:${provider.port}`;
        const found = `${where}, ${protocol ?? "without TLS"}${signedIn ? ", signed in" : ""}`;
        return [
          ok(name, provider.auth || !offersTls ? found : `${found}, no credentials configured`),
        ];
      },
    };
  });
}

interface Greeting {
  /** The TLS protocol, such as `TLSv1.3`; null without TLS. */
  protocol: string | null;
  signedIn: boolean;
  offersTls: boolean;
}

/** Connects and signs in. The server's texts are not part of an error, because they may repeat the credentials. */
function greet(provider: SmtpProvider): Promise<Greeting> {
  const { host, port, auth } = provider;
  const where = `${host}:${port}`;
  const connection = new SMTPConnection(smtpConnectionOptions(provider, stepTimeoutMs));
  return new Promise<Greeting>((resolve, reject) => {
    const fail = (
      error: Error & { code?: string | undefined; responseCode?: number | undefined },
    ) => reject(faultOf(error, where, provider));
    connection.on("error", fail);
    connection.once("end", () =>
      reject(new MissingError(`${where} closes the connection`, "Check the log of the server")),
    );
    connection.connect((error) => {
      if (error) return fail(error);
      const socket = connection._socket;
      const protocol = socket instanceof TLSSocket ? socket.getProtocol() : null;
      const greeting = { protocol, offersTls: protocol !== null };
      if (!auth) return resolve({ ...greeting, signedIn: false });
      if (!connection.allowsAuth)
        return reject(
          new MissingError(
            `${where} offers no authentication${protocol ? "" : " without TLS"}`,
            "Remove the credentials from the URL, or use a port with authentication",
          ),
        );
      connection.login({ ...auth }, (refused) =>
        refused ? fail(refused) : resolve({ ...greeting, signedIn: true }),
      );
    });
  }).finally(() => connection.quit());
}

function faultOf(
  error: Error & { code?: string | undefined; responseCode?: number | undefined },
  where: string,
  { requireTls }: SmtpProvider,
): MissingError {
  const { code, responseCode } = error;
  const answered = responseCode === undefined ? "" : ` (${responseCode})`;
  if (code === "EAUTH")
    return new MissingError(
      `${where} refuses the credentials${answered}`,
      "Correct user and password; both have to be percent-encoded in the URL",
    );
  // An invalid certificate has the same code as any error of the socket.
  if (code === "ETLS" || /certificate|altnames|\bSSL\b|\bTLS\b/i.test(error.message))
    return new MissingError(
      `${where}: TLS ${requireTls ? "is required and " : ""}fails${/certificate|altnames/i.test(error.message) ? `, ${reasonOf(error)}` : ""}`,
      requireTls
        ? "Fix the server's certificate or TLS settings, or set tls to unverified; a password is never sent without TLS"
        : "Fix the server's certificate or TLS settings, or set tls to unverified",
    );
  return new MissingError(
    responseCode === undefined
      ? `${where}: ${reasonOf(error)}`
      : `${where} refuses the connection${answered}`,
    "Start it, or correct host and port in the URL (smtps:// for TLS from the first byte)",
  );
}
