import { onTestFinished } from "vitest";
import type { Channel } from "../../activities/channels/channel.ts";
import { channelTo } from "./email-channel.ts";
import {
  startScriptedServer,
  type ScriptedConnection,
  type ScriptedServer,
} from "./scripted-server.ts";

/** A server for one test: `script` is its end of each connection. */
export async function serve(
  script: (connection: ScriptedConnection, index: number) => Promise<void>,
): Promise<ScriptedServer> {
  const server = await startScriptedServer(script);
  onTestFinished(() => server.close());
  return server;
}

/** A channel for one test. */
export function open(...of: Parameters<typeof channelTo>): Channel {
  const channel = channelTo(...of);
  onTestFinished(() => channel.close());
  return channel;
}

/** Never answers again. */
export const hang = () => new Promise<void>(() => {});
/** Where nothing is to come of it but that it is over. */
export const shortly = { sendDeadlineMs: 200 };

/** Takes every mail until the client hangs up. */
export async function takeAll(connection: ScriptedConnection): Promise<void> {
  for (;;) await connection.take();
}
