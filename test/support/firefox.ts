import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { type BidiSession, connectBidi } from "./bidi.ts";
import { waitMs } from "./patience.ts";
import { programOf } from "./programs.ts";

/** A notification as the browser shows it to its user. */
interface ShownAlert {
  title: string;
  body: string;
}

/** A stock Firefox with a profile of its own. */
export interface Firefox {
  version: string;
  goto(url: string): Promise<void>;
  /** Runs the body of an async function in the page, and resolves with what it returns as JSON. Rejects if it throws. */
  run(body: string): Promise<unknown>;
  /** The notifications on the screen. */
  alerts(): Promise<ShownAlert[]>;
  /** Clicks the text of a notification that is shown. Rejects without one of this title. */
  click(title: string): Promise<void>;
  /** Chooses an action of a notification that is shown, by its identifier. Rejects without one of this title. */
  chooseAction(title: string, action: string): Promise<void>;
  /** Ends the browser and deletes its profile. */
  close(): Promise<void>;
}

/** Nothing is fetched but what a test asks for, and nothing is asked of the user. */
const quietPreferences = {
  "app.update.enabled": false,
  "browser.aboutwelcome.enabled": false,
  "browser.safebrowsing.provider.mozilla.updateURL": "",
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,none",
  "toolkit.telemetry.enabled": false,
};

/** Push messages come from our own service, and notifications are windows of the browser itself, which it opens without a screen too. */
const pushPreferences = (socketUrl: string) => ({
  "alerts.useSystemBackend": false,
  "dom.push.alwaysConnect": true,
  "dom.push.connection.enabled": true,
  "dom.push.enabled": true,
  "dom.push.serverURL": socketUrl,
  "dom.push.testing.allowInsecureServerURL": true,
  "dom.webnotifications.requireuserinteraction": false,
  // 1 allows notifications to every page.
  "permissions.default.desktop-notification": 1,
});

const session = z.object({ capabilities: z.object({ browserVersion: z.string() }) });
const tree = z.object({ contexts: z.tuple([z.object({ context: z.string() })], z.unknown()) });
const shownAlerts = z.array(z.object({ title: z.string(), body: z.string() }));

/** The windows of notifications, for code that runs in the browser's own window. */
const alertWindows = `const alerts = [...Services.wm.getEnumerator("alert:alert")];`;

const alertOf = (title: string) =>
  `${alertWindows}
   const alert = alerts.find(({ arguments: [, title] }) => title === ${JSON.stringify(title)});
   if (!alert) throw new Error("no such notification is shown");`;

/**
 * Starts Firefox without a screen. Throws if this machine has none.
 * @param socketUrl the WebSocket of the push service
 */
export async function launchFirefox({ socketUrl }: { socketUrl: string }): Promise<Firefox> {
  const program = programOf("Firefox", "FIREFOX_PATH", ["firefox-esr", "firefox"]);
  const profile = mkdtempSync(join(tmpdir(), "tidings-firefox-"));
  let child: ChildProcess | null = null;
  try {
    const preferences = Object.entries({ ...quietPreferences, ...pushPreferences(socketUrl) });
    writeFileSync(
      join(profile, "user.js"),
      preferences
        .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
        .join(""),
    );
    child = spawn(
      program,
      [
        "--headless",
        "--remote-debugging-port=0",
        // To see and click notifications, which belong to no page.
        "--remote-allow-system-access",
        "--no-remote",
        "--new-instance",
        "--profile",
        profile,
        "about:blank",
      ],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: "1" },
      },
    );
    const started = child;
    // It does not outlive the tests.
    const kill = () => started.kill("SIGKILL");
    process.once("exit", kill);
    child.once("exit", () => process.off("exit", kill));
    const bidi = await connectBidi(await listeningAt(child));
    return await drive(bidi, child, profile);
  } catch (error) {
    if (child) await end(child);
    remove(profile);
    throw error;
  }
}

async function drive(bidi: BidiSession, child: ChildProcess, profile: string): Promise<Firefox> {
  const { capabilities } = session.parse(await bidi.send("session.new", { capabilities: {} }));
  const contextOf = async (scope: object) =>
    tree.parse(await bidi.send("browsingContext.getTree", { ...scope })).contexts[0].context;
  const page = await contextOf({});
  const browserWindow = await contextOf({ "moz:scope": "chrome" });
  return {
    version: capabilities.browserVersion,
    async goto(url) {
      await bidi.send("browsingContext.navigate", { context: page, url, wait: "complete" });
    },
    run: (body) => bidi.run(page, body),
    async alerts() {
      const found = await bidi.run(
        browserWindow,
        `${alertWindows}
         return alerts.map(({ arguments: [, title, body] }) => ({ title, body }));`,
      );
      return shownAlerts.parse(found);
    },
    async click(title) {
      await bidi.run(
        browserWindow,
        `${alertOf(title)}
         alert.document.getElementById("alertTextLabel").click();`,
      );
    },
    async chooseAction(title, action) {
      // Such a window has no buttons for actions, unlike the notifications of desktops. They report a button to the same listener.
      await bidi.run(
        browserWindow,
        `${alertOf(title)}
         const [, , , , cookie, , , , , , listener] = alert.arguments;
         const QueryInterface = ChromeUtils.generateQI(["nsIAlertAction"]);
         const action = { QueryInterface, action: ${JSON.stringify(action)}, title: "", iconURL: "" };
         listener.observe(action, "alertclickcallback", cookie);`,
      );
    },
    async close() {
      await bidi.send("browser.close").catch(() => {});
      bidi.close();
      await end(child);
      remove(profile);
    },
  };
}

/** Resolves with the address at which the browser takes commands. */
function listeningAt(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    const fail = (why: string) => {
      clearTimeout(timer);
      reject(new Error(`Firefox ${why}: ${output.slice(-1_000)}`));
    };
    const timer = setTimeout(() => fail("takes no commands"), waitMs);
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const [, url] = /WebDriver BiDi listening on (ws:\/\/\S+)/.exec(output) ?? [];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code) => fail(`ended with ${code}`));
  });
}

const endMs = 20_000;

/** Waits until the browser has ended by itself, and kills it if it does not. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const timer = setTimeout(() => child.kill("SIGKILL"), endMs);
  await once(child, "exit");
  clearTimeout(timer);
}

/** Its helper processes may still write for a moment. */
const remove = (profile: string) =>
  rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
