import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool } from "undici";
import { startTemporaryStack, type TemporaryStack } from "../cli/demo/temporary-stack.ts";
import { newUuid } from "../domain/ids.ts";
import { createTrackingTokens } from "../domain/tracking/tokens.ts";
import { type AnalyticsCost, measureAnalyticsCost } from "./analytics-cost.ts";
import { measureCalls } from "./measure-calls.ts";
import {
  type CampaignFigures,
  createType,
  type MeasuredCampaign,
  measureCampaign,
  medianOf,
  type PreparedStack,
} from "./measure-campaign.ts";
import { percentile } from "./percentile.ts";
import { prepareService } from "./prepare-service.ts";
import { type Sink, startSink } from "./sink-process.ts";

export interface TrackingBench {
  recipients: number;
  hits: number;
  environment: NodeJS.ProcessEnv;
  say: (line: string) => void;
}

export interface TrackingResult {
  bench: "tracking";
  /** The CPU time in which the token of a message is signed. */
  tokenMicros: number;
  /** Requests for images and links that one API process answers, over connections that stay open. */
  hitsPerSecond: number;
  hitP99Ms: number;
  /** The share of the rate of a campaign that is lost by tracking, List-Unsubscribe and return addresses. */
  campaignSlowdown: number;
  /** The share of that rate that is lost if messages are signed with RSA and Ed25519 besides. */
  dkimSlowdown: number;
  /** The share of the rate of a campaign that is lost while its numbers are added to those of reports and lists. */
  analyticsSlowdown: number;
}

/** Figures that are printed but not stored. */
export interface TrackingDetails {
  recipients: number;
  plain: CampaignFigures;
  tracked: CampaignFigures;
  signed: CampaignFigures;
  analytics: AnalyticsCost;
}

const rounds = 3;
const connections = 10;
const warmUpHits = 2_000;
const callers = 16;
const signedTokens = 100_000;

/** The receiver of returned messages listens on any port: nothing is returned. */
const returning = { BOUNCE_DOMAIN: "bounces.example.org", INBOUND_PORT: "0" };

/** Messages of a mandatory type cannot be switched off, so that they have no List-Unsubscribe. */
const types = [
  { key: "bench.plain", name: "Plain", mandatory: true },
  { key: "bench.tracked", name: "Tracked", tracking: { opens: true, clicks: true } },
];

/**
 * Measures tokens, requests for images and links, and campaigns of three stacks in turns: without tracking, List-Unsubscribe and return addresses, with
 * the three, and with the three and signed.
 */
export async function benchTracking(
  options: TrackingBench,
): Promise<TrackingResult & { details: TrackingDetails }> {
  const { recipients, say } = options;
  const sink = await startSink();
  const folder = mkdtempSync(join(tmpdir(), "tidings-bench-tracking-"));
  try {
    const tokenMicros = measureTokens();
    const signing = { ...returning, DKIM_KEYS: writeKeys(folder) };
    const measured = await withStack(options, sink, {}, (plain) =>
      withStack(options, sink, returning, (tracked) =>
        withStack(options, sink, signing, async (signed) => {
          const campaigns = await measureCampaigns({ recipients, say }, [
            { name: "plain", on: plain, type: "bench.plain" },
            { name: "tracked", on: tracked, type: "bench.tracked" },
            { name: "signed", on: signed, type: "bench.tracked" },
          ]);
          const analytics = await measureAnalyticsCost(plain, sink, recipients, say);
          say(`requesting ${options.hits} images and links`);
          return { campaigns, analytics, hits: await measureHits(plain.stack, options.hits) };
        }),
      ),
    );
    const { analytics } = measured;
    const [plain, tracked, signed] = measured.campaigns.map(medianOf) as [
      CampaignFigures,
      CampaignFigures,
      CampaignFigures,
    ];
    return {
      bench: "tracking",
      tokenMicros,
      ...measured.hits,
      campaignSlowdown: 1 - tracked.perSecond / plain.perSecond,
      dkimSlowdown: 1 - signed.perSecond / tracked.perSecond,
      analyticsSlowdown:
        1 - analytics.campaign.with.perSecond / analytics.campaign.without.perSecond,
      details: { recipients, plain, tracked, signed, analytics },
    };
  } finally {
    await sink.stop();
    rmSync(folder, { recursive: true });
  }
}

function measureTokens(): number {
  const tokens = createTrackingTokens(["a-secret-of-at-least-32-characters"]);
  const deliveries = Array.from({ length: 1_000 }, () => newUuid());
  const sign = (count: number) => {
    for (let n = 0; n < count; n += 1)
      tokens.signMessage("click", { delivery: deliveries[n % deliveries.length]! });
  };
  sign(signedTokens / 10);
  const before = process.cpuUsage();
  sign(signedTokens);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / signedTokens;
}

async function withStack<Result>(
  { environment, recipients, say }: TrackingBench,
  sink: Sink,
  added: NodeJS.ProcessEnv,
  work: (prepared: PreparedStack) => Promise<Result>,
): Promise<Result> {
  say("starting the stack");
  const stack = await startTemporaryStack({
    environment: { ...environment, ...added, API_REQUESTS_PER_MINUTE: "10000000" },
    say,
    smtpUrl: `${sink.url}?connections=${connections}`,
  });
  try {
    const service = await prepareService(stack, recipients);
    for (const type of types) await createType(stack, type);
    return await work({ stack, service });
  } finally {
    await stack.stop();
  }
}

interface MeasuredKind extends MeasuredCampaign {
  name: string;
}

/** Sends campaigns, whose kinds take turns. The first round warms up. Returns the figures of the others for each kind. */
async function measureCampaigns(
  { recipients, say }: Pick<TrackingBench, "recipients" | "say">,
  kinds: readonly MeasuredKind[],
): Promise<CampaignFigures[][]> {
  const figures = kinds.map((): CampaignFigures[] => []);
  for (let round = 0; round <= rounds; round += 1)
    for (const [place, kind] of kinds.entries()) {
      say(`sending a ${kind.name} campaign to ${recipients}`);
      const measured = await measureCampaign(kind, recipients);
      if (round > 0) figures[place]!.push(measured);
    }
  return figures;
}

/** Requests images and links of different messages by turns. */
async function measureHits(
  { urls, dataDir }: Pick<TemporaryStack, "urls" | "dataDir">,
  hits: number,
): Promise<Pick<TrackingResult, "hitsPerSecond" | "hitP99Ms">> {
  const secret = readFileSync(join(dataDir, "token-secret"), "utf8").trim();
  const tokens = createTrackingTokens([secret]);
  const link = tokens.signLink({ number: 1, switchId: newUuid(), url: "https://example.org/" });
  const pool = new Pool(urls.api, { connections: callers });
  const request = async (n: number) => {
    const message = { delivery: newUuid() };
    const path =
      n % 2 === 0
        ? `/t/o/${tokens.signMessage("open", message)}.gif`
        : `/t/c/${tokens.signMessage("click", message)}/${link}`;
    const headers = { "user-agent": "Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/150.0" };
    const { statusCode, body } = await pool.request({ path, method: "GET", headers });
    await body.dump();
    if (statusCode !== (n % 2 === 0 ? 200 : 302)) throw new Error(`answered with ${statusCode}`);
  };
  try {
    await measureCalls({ calls: warmUpHits, callers }, request);
    const { ms, perSecond } = await measureCalls({ calls: hits, callers }, request);
    return { hitsPerSecond: perSecond, hitP99Ms: percentile(ms, 0.99) };
  } finally {
    await pool.close();
  }
}

/** Writes keys of both kinds for the domain of the sender, and returns the variable that names them. */
function writeKeys(folder: string): string {
  const keys = {
    rsa: generateKeyPairSync("rsa", { modulusLength: 2_048 }),
    ed: generateKeyPairSync("ed25519"),
  };
  return Object.entries(keys)
    .map(([selector, { privateKey }]) => {
      const file = join(folder, `${selector}.pem`);
      writeFileSync(file, privateKey.export({ type: "pkcs8", format: "pem" }));
      return `${selector}._domainkey.localhost=${file}`;
    })
    .join(" ");
}
