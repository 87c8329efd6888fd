import { createRulebookReader, type ReadRulebook } from "../ledger/rulebook.ts";
import { createLedgerReader, type LedgerReader } from "../ledger/health-figures.ts";
import { createRoutes, type Routes } from "../ledger/routes.ts";
import { type Execute, executeOn } from "../ledger/sql.ts";
import { createTokens, type Tokens } from "../domain/tokens.ts";
import { createTurns, type InTurn } from "../lib/turns.ts";
import { AlertWatch } from "./alerts/watch.ts";
import { InboxStreams } from "./inbox/streams.ts";
import { LiveStreams } from "./live/streams.ts";
import { OpenIdProvider } from "./access/openid-provider.ts";
import { createOutboundClient } from "../lib/outbound/client.ts";
import { Exporter } from "./http/export.ts";
import { createKeyring, type Keyring } from "./http/keyring.ts";
import { createSessions, type Sessions } from "./http/sessions.ts";
import { type ApiMetrics, createApiMetrics } from "./http/metrics.ts";
import type { ApiDeps } from "./http/router.ts";
import { type AcceptTogether, createAcceptTogether } from "./notifications/accept-together.ts";
import { type Admission, createAdmission } from "./notifications/admission.ts";
import { createInlineContents, type InlineContents } from "./notifications/inline-contents.ts";
import {
  createNotificationTypeLookup,
  type NotificationTypeLookup,
} from "./notification-types/lookup.ts";
import { createRecipientPages, type RecipientPages } from "./recipient-pages/page.ts";
import { createTemplateRendering, type TemplateRendering } from "./templates/rendering.ts";
import { createTemplateVersions, type TemplateVersions } from "./templates/version-cache.ts";

/** The dependencies of the routes of every resource. An API process has one instance, because most members are caches. */
export interface Services extends ApiDeps {
  metrics: ApiMetrics;
  keyring: Keyring;
  /** The browsers that are signed in to the console. */
  sessions: Sessions;
  /** Null if no OpenID provider is configured. */
  openIdProvider: OpenIdProvider | null;
  tokens: Tokens;
  /** The pages of recipients who follow links. */
  pages: RecipientPages;
  /** Reads the policy and the notification types in force. */
  readPolicySnapshot: ReadRulebook;
  readLedger: LedgerReader;
  templateVersions: TemplateVersions;
  templateRendering: TemplateRendering;
  inlineContents: InlineContents;
  notificationTypes: NotificationTypeLookup;
  routes: Routes;
  /** Executes the look-ups of accepting. */
  lookUp: Execute;
  /** Bounds how many deliveries may be accepted and not sent yet. */
  admission: Admission;
  /** Writes notifications that are accepted at about the same time together. */
  acceptTogether: AcceptTogether;
  /** Sends lists as files. */
  exporter: Exporter;
  /** The open streams of inboxes. */
  inboxStreams: InboxStreams;
  /** The open streams of consoles. */
  liveStreams: LiveStreams;
  /** Looks for what operators should know of. */
  alerts: AlertWatch;
  /** Makes requests to accept with the same Idempotency-Key take turns. */
  keyTurns: InTurn;
}

/** How often a stream sends a heartbeat. Proxies end connections without traffic after 30 seconds or more. */
const presetHeartbeatMs = 25_000;
const presetKeepAliveMs = 15_000;

export function createServices(deps: ApiDeps): Services {
  const { prisma, pool, acceptPool, lookupPool, clock, config } = deps;
  const { metrics = createApiMetrics() } = deps;
  const templateRendering = createTemplateRendering();
  const readPolicySnapshot = createRulebookReader(pool);
  const readLedger = createLedgerReader({ pool, readRulebook: readPolicySnapshot });
  // The look-ups of accepting have connections of their own, so that callers who read a lot do not keep them waiting.
  const services = {
    ...deps,
    metrics,
    keyring: createKeyring({ pool: lookupPool, clock, bootstrapKey: config.apiKey }),
    sessions: createSessions({ pool: lookupPool, clock, bootstrapKey: config.apiKey }),
    openIdProvider: config.openId && new OpenIdProvider(config.openId, openIdOutbound(config)),
    tokens: createTokens(config.tokenSecrets),
    pages: createRecipientPages(config.brand),
    readPolicySnapshot,
    readLedger,
    templateVersions: createTemplateVersions(executeOn(lookupPool)),
    templateRendering,
    inlineContents: createInlineContents({
      prisma,
      execute: executeOn(pool),
      rendering: templateRendering,
    }),
    notificationTypes: createNotificationTypeLookup(createRulebookReader(lookupPool)),
    routes: createRoutes(lookupPool),
    lookUp: executeOn(lookupPool),
    admission: createAdmission({ pool: lookupPool, ...config }),
    acceptTogether: createAcceptTogether({ pool: acceptPool, mailboxShards: config.mailboxShards }),
    exporter: new Exporter(deps),
    inboxStreams: new InboxStreams({
      hub: deps.hub,
      execute: executeOn(pool),
      clock,
      maxStreams: config.inboxStreams,
      heartbeatMs: config.heartbeatMs ?? presetHeartbeatMs,
      logger: deps.logger,
    }),
    liveStreams: new LiveStreams({
      hub: deps.hub,
      execute: executeOn(pool),
      readLedger,
      clock,
      most: config.console.streams,
      keepAliveMs: config.heartbeatMs ?? presetKeepAliveMs,
      logger: deps.logger,
    }),
    keyTurns: createTurns(),
  };
  return Object.assign(services, { alerts: new AlertWatch(services) });
}

/** The way to the OpenID provider. Its keys may be longer than the answers of others. */
const openIdOutbound = ({ endpoints: { privateSubnets, ports } }: ApiDeps["config"]) =>
  createOutboundClient({
    rules: { privateSubnets, ports, plain: false },
    deadlineMs: 10_000,
    maxAnswerBytes: 1_048_576,
  });
