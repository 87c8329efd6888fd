import { TLSSocket } from "node:tls";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import type { SmtpProvider } from "../../config/smtp.ts";
import { smtpConnectionOptions } from "../../config/smtp.ts";
import { MissingError } from "../stack/missing.ts";
import { ok, reasonOf, type Check } from "./check.ts";
import { readIfGiven } from "./configuration.ts";
import type { Surroundings } from "./surroundings.ts";

const stepTimeoutMs = 5_000;

/** The servers of `SMTP_URL`: connects, upgrades, signs in, and leaves without a message. `npm start` brings a mailbox where there is none. */
export function smtpChecks({ environment }: Surroundings): Check[] {
  return (readIfGiven("SMTP_URL", environment) ?? []).map((provider) => {
    const name = `SMTP ${provider.name}`;
    return {
      name,
      required: true,
      mend: "Start it, or correct SMTP_URL",
      look: async () => {
        const { protocol, signedIn, offersTls } = await greet(provider);
        const where = `${provider.host}:${provider.port}`;
        const found = `${where}, ${protocol ?? "in the clear"}${signedIn ? ", signed in" : ""}`;
        return [
          ok(name, provider.auth || !offersTls ? found : `${found}, no credentials configured`),
        ];
      },
    };
  });
}

interface Greeting {
  /** As `TLSv1.3`; null: in the clear. */
  protocol: string | null;
  signedIn: boolean;
  offersTls: boolean;
}

/** What a server says may repeat what it was told, so that none of it is in the error. */
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
      reject(new MissingError(`${where} hangs up`, "Look into its log")),
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
            `${where} offers no authentication${protocol ? "" : " in the clear"}`,
            "Leave the credentials out of SMTP_URL, or use the port on which it does",
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
      "Correct user and password in SMTP_URL; both have to be percent-encoded",
    );
  // A certificate that fails comes with the code of any fault of the socket.
  if (code === "ETLS" || /certificate|altnames|\bSSL\b|\bTLS\b/i.test(error.message))
    return new MissingError(
      `${where}: TLS ${requireTls ? "is required and " : ""}fails${/certificate|altnames/i.test(error.message) ? `, ${reasonOf(error)}` : ""}`,
      requireTls
        ? "Mend the server's certificate or offer, or say tls=unverified in SMTP_URL; a password is never sent without TLS"
        : "Mend the server's certificate or offer, or say tls=unverified in SMTP_URL",
    );
  return new MissingError(
    responseCode === undefined
      ? `${where}: ${reasonOf(error)}`
      : `${where} refuses to talk${answered}`,
    "Start it, or correct host and port in SMTP_URL (smtps:// for TLS from the first byte)",
  );
}
