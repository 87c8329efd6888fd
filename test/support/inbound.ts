import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createTransport } from "nodemailer";
import { packageRoot } from "../../config/package-root.ts";
import { createReturnAddresses } from "../../domain/return-addresses.ts";

export const bounceDomain = "bounces.example.org";
const secret = "a secret of the tests of returned mail";
export const returnAddresses = createReturnAddresses([secret], bounceDomain);
export const returnSecrets: readonly string[] = [secret];

/**
 * Sends a mail as another mail server does. Resolves with the last answer; it rejects with `responseCode` where the mail is refused.
 * @param ca the certificate that the server has to present for STARTTLS; without it, the mail is sent unencrypted
 */
export async function sendReturned(
  port: number,
  { to, raw, from = "", ca }: { to: string | string[]; raw: string; from?: string; ca?: string },
): Promise<string> {
  const transport = createTransport({
    host: "127.0.0.1",
    port,
    secure: false,
    ...(ca === undefined ? { ignoreTLS: true } : { requireTLS: true, tls: { ca } }),
  });
  const { response } = await transport.sendMail({ envelope: { from, to }, raw });
  return response;
}

export interface InboundProcess {
  child: ChildProcess;
  port: number;
  output: () => string;
}

/** Starts the built program that receives returned mail. Resolves when it listens. */
export async function startInboundProcess(
  databaseUrl: string,
  environment: Record<string, string> = {},
): Promise<InboundProcess> {
  const child = fork(join(packageRoot, "dist/workers/inbound/main.js"), {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: databaseUrl,
      DATABASE_CONNECTIONS: "5",
      TOKEN_SECRET: secret,
      BOUNCE_DOMAIN: bounceDomain,
      INBOUND_PORT: "0",
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`it ended with ${code}: ${output}`);
  });
  ended.catch(() => {});
  const [message] = (await Promise.race([once(child, "message"), ended])) as [{ port: number }];
  return { child, port: message.port, output: () => output };
}
