import { execFile, spawnSync } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../../cli/stack/ports.ts";
import { programOf } from "./programs.ts";

const run = promisify(execFile);

/** The services that take, deliver and return mail, none of them in a chroot. */
const services = (port: number) =>
  [
    `127.0.0.1:${port} inet n - n - - smtpd`,
    "pickup unix n - n 60 1 pickup",
    "cleanup unix n - n - 0 cleanup",
    "qmgr unix n - n 1 1 qmgr",
    "rewrite unix - - n - - trivial-rewrite",
    ...["bounce", "defer", "trace"].map((name) => `${name} unix - - n - 0 bounce`),
    "verify unix - - n - 1 verify",
    "proxymap unix - - n - - proxymap",
    "flush unix n - n 1000? 0 flush",
    ...["smtp", "relay"].map((name) => `${name} unix - - n - - smtp`),
    ...["error", "retry"].map((name) => `${name} unix - - n - - error`),
    "discard unix - - n - - discard",
    "local unix - n n - - local",
    "anvil unix - - n - 1 anvil",
    "scache unix - - n - 1 scache",
    "postlog unix-dgram n - n - 1 postlogd",
    "",
  ].join("\n");

export interface Postfix {
  port: number;
  /** Tries again at once what waits in the queue. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts Debian's Postfix in a folder of its own, as the server of `example.net` without users: it accepts each message and returns it. Mail to
 * `bounceDomain` goes to `bouncePort` of this machine. Needs root, as Postfix does.
 */
export async function startPostfix(bounceDomain: string, bouncePort: number): Promise<Postfix> {
  const program = programOf("Postfix", "POSTFIX_PATH", ["postfix"]);
  const folder = await mkdtemp(join(tmpdir(), "tidings-postfix-"));
  await chmod(folder, 0o755);
  const [config, queue, data] = ["config", "queue", "data"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [config, queue, data]) await mkdir(path);
  const idOf = (name: string) => Number(spawnSync("id", ["-u", name]).stdout.toString());
  await chown(data, idOf("postfix"), 0);
  const port = await freePort();
  const settings = {
    compatibility_level: "3.6",
    queue_directory: queue,
    data_directory: data,
    maillog_file: join(folder, "mail.log"),
    maillog_file_prefixes: folder,
    inet_interfaces: "127.0.0.1",
    inet_protocols: "ipv4",
    myhostname: "mx.example.net",
    mydestination: "example.net",
    mynetworks: "127.0.0.0/8",
    smtpd_recipient_restrictions: "permit_mynetworks, reject",
    // It accepts whatever comes, and finds out later that there is no such user.
    local_recipient_maps: "",
    alias_maps: "",
    alias_database: "",
    transport_maps: `inline:{ {${bounceDomain} = smtp:[127.0.0.1]:${bouncePort}} }`,
    smtp_tls_security_level: "none",
    minimal_backoff_time: "1s",
    maximal_backoff_time: "1s",
    queue_run_delay: "1s",
    import_environment: "MAIL_CONFIG",
  };
  await writeFile(
    join(config, "main.cf"),
    Object.entries(settings)
      .map(([name, value]) => `${name} = ${value}\n`)
      .join(""),
  );
  await writeFile(join(config, "master.cf"), services(port));
  await run(program, ["-c", config, "start"]).catch(async (error: unknown) => {
    const log = await readFile(join(folder, "mail.log"), "utf8").catch(() => "");
    throw new Error(`Postfix did not start: ${log}`, { cause: error });
  });
  return {
    port,
    flush: async () => void (await run(program, ["-c", config, "flush"])),
    async stop() {
      await run(program, ["-c", config, "stop"]).catch(() => {});
      await rm(folder, { recursive: true, force: true });
    },
  };
}
