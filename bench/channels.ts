import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { createService } from "../cli/demo/service.ts";
import { startTemporaryStack, type TemporaryStack } from "../cli/demo/temporary-stack.ts";
import { certificate } from "../test/outbound/certificate.ts";
import { startAnswering } from "./answering-process.ts";
import {
  type Arrivals,
  type ChannelCampaigns,
  createChannelCampaigns,
} from "./channel-campaigns.ts";
import { createDevices, measureStreams, type StreamTimes } from "./channel-recipients.ts";
import { audience, roomyLimits, template } from "./message.ts";
import type { PeerResult } from "./peer.ts";
import { ratePerSecond, runPeer } from "./peers.ts";
import { percentile } from "./percentile.ts";
import { shortTemplate } from "./push-message.ts";
import type { PushSinkQuestion, PushSinkReport } from "./push-sink.ts";
import { startSink } from "./sink-process.ts";

export interface ChannelsBench {
  /** Size of the audience of each campaign that is sent. */
  recipients: number;
  /** Recipients whose inbox is open, and messages that are sent to them one at a time. */
  streams: number;
  sends: number;
  /** Size of the audience that is only frozen. */
  freeze: number;
  environment: NodeJS.ProcessEnv;
  say: (line: string) => void;
}

/** Rates are messages a second, from the start request until the campaign is completed in the ledger; medians of all rounds. */
export interface ChannelsResult {
  bench: "channels";
  inAppPerSecond: number;
  inAppRatioToEmail: number;
  /** From the request to the event on the open stream of the recipient. */
  sseP99Ms: number;
  /** Streams that were open until the end. */
  sseStreams: number;
  pushPerSecond: number;
  /** Times a loop of web-push's `sendNotification` over as many kept connections, to the same sink. */
  pushRatioToWebPush: number;
  /** Seconds to write a million deliveries of a campaign with three stages: from the start request until they are committed. */
  freezeSecondsPerMillionStages: number;
  /** Messages that are sent in the ledger but missing at the other side, and deliveries that did not end as sent. */
  lost: number;
  duplicated: number;
}

/** Figures that are printed but not stored. */
export interface ChannelsDetails {
  recipients: number;
  emailPerSecond: number;
  webPushPerSecond: number;
  sseP50Ms: number;
  freezeSeconds: number;
  frozen: number;
}

const rounds = 3;
const connections = 10;
/** As many as a worker has to each host of a push service. */
const pushConnections = 16;
const warmUpMs = 1_000;
const measureMs = 3_000;
const maxWarmUp = 5_000;

/**
 * Measures campaigns by email, into inboxes and to push devices in turns, single messages to open inboxes, and the freeze of three stages. The
 * loop of web-push is measured before and after, while the stack is down.
 */
export async function benchChannels(
  options: ChannelsBench,
): Promise<ChannelsResult & { details: ChannelsDetails }> {
  const { say } = options;
  const mail = await startSink();
  const push = await startAnswering<PushSinkQuestion>("bench/push-sink.js");
  const folder = mkdtempSync(join(tmpdir(), "tidings-bench-channels-"));
  const peers: PeerResult[] = [];
  const measurePeer = async () => {
    say("measuring a bare loop of web-push");
    const order = {
      peer: "web-push",
      host: "127.0.0.1",
      port: push.port,
      connections: pushConnections,
    } as const;
    peers.push(await runPeer({ ...order, warmUpMs, measureMs }));
  };
  try {
    writeFileSync(join(folder, "ca.pem"), certificate.cert);
    await measurePeer();
    say("starting the stack");
    const stack = await startTemporaryStack({
      environment: {
        ...options.environment,
        API_REQUESTS_PER_MINUTE: "10000000",
        HTTP_ALLOW_PORTS: String(push.port),
        HTTP_ALLOW_PRIVATE: "127.0.0.1/32",
        NODE_EXTRA_CA_CERTS: join(folder, "ca.pem"),
      },
      say,
      smtpUrl: `${mail.url}?connections=${connections}`,
    });
    let measured;
    try {
      measured = await measureStack(options, stack, {
        pushPort: push.port,
        mail: {
          reset: () => mail.reset(),
          async count() {
            const { deliveries, duplicated } = await mail.report();
            return { arrived: deliveries, duplicated };
          },
        },
        push: {
          reset: () => push.ask({ ask: "reset" }),
          async count() {
            const { devices, duplicated } = await push.ask<PushSinkReport>({ ask: "report" });
            return { arrived: devices, duplicated };
          },
        },
      });
    } finally {
      await stack.stop();
    }
    await measurePeer();
    return toResult(options, measured, ratePerSecond(peers));
  } finally {
    await Promise.all([mail.stop(), push.stop()]);
    rmSync(folder, { recursive: true });
  }
}

interface Measured {
  email: number[];
  inApp: number[];
  push: number[];
  stream: StreamTimes;
  freezeSeconds: number;
  frozen: number;
  lost: number;
  duplicated: number;
}

async function measureStack(
  { recipients, streams, sends, freeze, say }: ChannelsBench,
  stack: TemporaryStack,
  sides: { pushPort: number; mail: Arrivals; push: Arrivals },
): Promise<Measured> {
  const database = new pg.Pool({ connectionString: stack.databaseUrl, max: 2 });
  try {
    const service = createService({ url: stack.urls.api, apiKey: stack.apiKey });
    await service.changePolicy(roomyLimits);
    await service.createTemplate({
      key: "weekly",
      name: "Weekly summary",
      content: { email: template, push: shortTemplate, in_app: shortTemplate },
    });
    const campaigns = createChannelCampaigns({ service, database, ...sides });

    say("warming up");
    const warmUp = Math.min(recipients, maxWarmUp);
    await service.importRecipients("application/x-ndjson", audience(warmUp));
    await createDevices(service, sides.pushPort, 0, warmUp);
    await takeTurns(campaigns, warmUp, 1, say);

    say(`importing ${recipients} recipients and registering their devices`);
    await service.importRecipients("application/x-ndjson", audience(recipients));
    await createDevices(service, sides.pushPort, warmUp, recipients);
    const rates = await takeTurns(campaigns, recipients, rounds, say);

    say(`sending ${sends} messages to ${streams} open inboxes, one at a time`);
    const stream = await measureStreams(service, stack.urls.api, streams, sends);

    say(`importing ${freeze} recipients, and freezing three stages for them`);
    await service.importRecipients("application/x-ndjson", audience(freeze));
    const frozen = await campaigns.freeze(Math.max(freeze, recipients));
    return {
      ...rates,
      ...frozen,
      stream,
      lost: rates.lost + stream.lost,
      duplicated: rates.duplicated + stream.duplicated,
    };
  } finally {
    await database.end();
  }
}

/** Sends a campaign by each channel in turns, `turns` times each. */
async function takeTurns(
  campaigns: ChannelCampaigns,
  recipients: number,
  turns: number,
  say: (line: string) => void,
) {
  const found = { email: [] as number[], inApp: [] as number[], push: [] as number[] };
  let [lost, duplicated] = [0, 0];
  for (let turn = 1; turn <= turns; turn++)
    for (const [name, channel] of [
      ["email", "email"],
      ["inApp", "in_app"],
      ["push", "push"],
    ] as const) {
      say(`sending by ${channel} to ${recipients}, ${turn} of ${turns}`);
      const sent = await campaigns.send(channel, recipients);
      found[name].push(recipients / sent.seconds);
      lost += sent.lost;
      duplicated += sent.duplicated;
    }
  return { ...found, lost, duplicated };
}

const median = (values: readonly number[]) => percentile(values, 0.5);

function toResult(
  { recipients }: ChannelsBench,
  measured: Measured,
  webPushPerSecond: number,
): ChannelsResult & { details: ChannelsDetails } {
  const { stream, freezeSeconds, frozen, lost, duplicated } = measured;
  const [emailPerSecond, inAppPerSecond, pushPerSecond] = [
    median(measured.email),
    median(measured.inApp),
    median(measured.push),
  ];
  return {
    bench: "channels",
    inAppPerSecond,
    inAppRatioToEmail: inAppPerSecond / emailPerSecond,
    sseP99Ms: percentile(stream.ms, 0.99),
    sseStreams: stream.open,
    pushPerSecond,
    pushRatioToWebPush: pushPerSecond / webPushPerSecond,
    freezeSecondsPerMillionStages: (freezeSeconds * 1_000_000) / frozen,
    lost,
    duplicated,
    details: {
      recipients,
      emailPerSecond,
      webPushPerSecond,
      sseP50Ms: median(stream.ms),
      freezeSeconds,
      frozen,
    },
  };
}
