import { randomUUID } from "node:crypto";
import pg from "pg";
import { startTemporaryStack, type TemporaryStack } from "../cli/demo/temporary-stack.ts";
import { type FullLedger, fillLedger } from "./full-ledger.ts";
import { measureCalls } from "./measure-calls.ts";
import { data, person, template } from "./message.ts";
import { percentile } from "./percentile.ts";

export interface ApiResult {
  bench: "api";
  /** The rate of accepted notifications with one recipient each, per second. */
  acceptsPerSecond: number;
  acceptP99Ms: number;
  /** Pages of 50 deliveries or notifications, with the usual filters and with cursors. */
  listP99Ms: number;
  /** Searches for recipients by a part of their id, address or name. */
  searchP99Ms: number;
  /** Counts of recipients that match a filter. */
  segmentCountP99Ms: number;
}

/** Figures that are printed but not stored. */
export interface ApiDetails {
  recipients: number;
  deliveries: number;
  /** The limit: transactions of two bare inserts per second, with the same concurrency. */
  insertsPerSecond: number;
  /** The limit: a page of 50 rows read by primary key, without HTTP. */
  bareListP99Ms: number;
  /** The slowest queries of each kind. */
  slowest: { what: string; p99Ms: number }[];
}

const recipients = 200_000;
const deliveries = 1_000_000;
const accepts = 5_000;
const acceptCallers = 16;
/** The number of concurrent reads: the machine has two cores, which all processes share. */
const readCallers = 2;
const readsOfEach = 100;
const warmUp = 20;
const templateKey = "weekly";

/** Settings that raise the stack's limits, which would otherwise affect the measurement. */
const unlimited = {
  MAX_UNSENT: "10000000",
  API_REQUESTS_PER_MINUTE: "10000000",
};

export async function benchApi({
  environment,
  say,
}: {
  environment: NodeJS.ProcessEnv;
  say: (line: string) => void;
}): Promise<ApiResult & { details: ApiDetails }> {
  say("starting the stack");
  // There are no workers: they would send the accepted notifications and use CPU time.
  const stack = await startTemporaryStack({
    environment: { ...environment, ...unlimited },
    workers: 0,
    say,
  });
  try {
    const call = caller(stack);
    await call("POST", "/v1/templates", {
      key: templateKey,
      name: "Weekly summary",
      content: { email: template },
    });
    say(`filling the ledger: ${recipients} recipients, ${deliveries} deliveries`);
    const ledger = await fillLedger(stack.databaseUrl, { recipients, deliveries, templateKey });
    await call("POST", "/v1/segments", {
      key: "pro",
      name: "Pro",
      filter: { attribute: "plan", equals: "pro" },
    });

    say("reading");
    const lists = await measureReads(call, listReads(ledger));
    const searches = await measureReads(call, searchReads());
    const counts = await measureReads(call, countReads());
    say(`accepting ${accepts} notifications, ${acceptCallers} at once`);
    const accepted = await measureCalls({ calls: accepts, callers: acceptCallers }, (n) =>
      call("POST", "/v1/notifications", {
        recipients: [person((n * 7_919) % recipients).externalId],
        template: { key: templateKey },
        data,
      }),
    );
    const limits = await measureLimits(stack.databaseUrl);
    return {
      bench: "api",
      acceptsPerSecond: accepted.perSecond,
      acceptP99Ms: percentile(accepted.ms, 0.99),
      listP99Ms: lists.p99Ms,
      searchP99Ms: searches.p99Ms,
      segmentCountP99Ms: counts.p99Ms,
      details: {
        recipients,
        deliveries: ledger.deliveries,
        ...limits,
        slowest: [lists, searches, counts].map(({ slowest }) => slowest),
      },
    };
  } finally {
    await stack.stop();
  }
}

type Call = (method: "GET" | "POST", path: string, body?: unknown) => Promise<unknown>;

export function caller({ urls, apiKey }: Pick<TemporaryStack, "urls" | "apiKey">): Call {
  return async (method, path, body) => {
    const response = await fetch(new URL(path, urls.api), {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(method === "POST" && !path.endsWith("/preview") && { "idempotency-key": randomUUID() }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const answer: unknown = await response.json();
    if (!response.ok)
      throw new Error(`${method} ${path} answered ${response.status}: ${JSON.stringify(answer)}`);
    return answer;
  };
}

/** A kind of query, called repeatedly with different parameters. */
interface Read {
  what: string;
  ask: (call: Call, n: number) => Promise<unknown>;
}

const get = (what: string, path: (n: number) => string): Read => ({
  what,
  ask: (call, n) => call("GET", path(n)),
});

/** Reads the next page with the cursor of the previous one; every fifth call starts again from the first page. */
function walk(what: string, path: string): Read {
  let cursor: string | null = null;
  return {
    what,
    async ask(call, n) {
      const at: string | null = n % 5 === 0 ? null : cursor;
      const answer = await call("GET", at === null ? path : `${path}&cursor=${at}`);
      cursor = (answer as { nextCursor: string | null }).nextCursor;
    },
  };
}

function listReads({ campaigns, notifications }: FullLedger): Read[] {
  const campaign = (n: number) => campaigns[n % campaigns.length]!;
  return [
    walk("the newest deliveries, page by page", "/v1/deliveries?limit=50"),
    walk("the oldest deliveries, page by page", "/v1/deliveries?limit=50&sort=createdAt"),
    walk("failed deliveries", "/v1/deliveries?status=failed"),
    walk(
      "deliveries that were not sent",
      "/v1/deliveries?status=failed,suppressed,cancelled,unknown",
    ),
    walk("pending deliveries", "/v1/deliveries?status=pending"),
    get("a campaign's deliveries", (n) => `/v1/campaigns/${campaign(n)}/deliveries`),
    get("a campaign's failed ones", (n) => `/v1/deliveries?campaign=${campaign(n)}&status=failed`),
    get(
      "a notification's deliveries",
      (n) => `/v1/deliveries?notification=${notifications[n % notifications.length]}`,
    ),
    get(
      "a recipient's deliveries",
      (n) => `/v1/deliveries?recipient=${person((n * 977) % recipients).externalId}`,
    ),
    walk("the newest notifications, page by page", "/v1/notifications?limit=50"),
    get("campaigns", () => "/v1/campaigns"),
  ];
}

function searchReads(): Read[] {
  const number = (n: number) => (n * 7_919) % recipients;
  return [
    get("a whole external id", (n) => `/v1/recipients?q=user-${number(n)}`),
    get("a part of an address", (n) => `/v1/recipients?q=${number(n)}%40example`),
    get("what everybody has", () => "/v1/recipients?q=example.org"),
    get("search without results", (n) => `/v1/recipients?q=nobody-${n}`),
    walk("the last changed", "/v1/recipients?sort=-updatedAt"),
  ];
}

function countReads(): Read[] {
  const count = (what: string, filter: (n: number) => unknown): Read => ({
    what,
    ask: (call, n) => call("POST", "/v1/segments/preview", { filter: filter(n) }),
  });
  return [
    get("a saved segment, a third of all", () => "/v1/segments/pro/count"),
    count("an attribute that few have", (n) => ({ attribute: "city", equals: `city-${n % 500}` })),
    count("a range of numbers", (n) => ({ attribute: "points", atLeast: (n * 50) % 5_000 })),
    count("a field", (n) => ({ field: "locale", equals: ["en", "de", "fr", "ja"][n % 4] })),
    count("nested", (n) => ({
      any: [
        {
          all: [
            { attribute: "plan", equals: "pro" },
            { attribute: "points", lessThan: n * 40 },
          ],
        },
        { not: { field: "timeZone", in: ["Europe/Berlin", "Asia/Tokyo"] } },
      ],
    })),
  ];
}

/** Calls all kinds of queries in turn, each equally often. */
async function measureReads(call: Call, reads: readonly Read[]) {
  for (let n = 0; n < warmUp; n += 1) for (const read of reads) await read.ask(call, n);
  const ofEach = reads.map(({ what }) => ({ what, ms: [] as number[] }));
  const { ms } = await measureCalls(
    { calls: readsOfEach * reads.length, callers: readCallers },
    async (n) => {
      const kind = n % reads.length;
      const at = performance.now();
      await reads[kind]!.ask(call, Math.floor(n / reads.length));
      ofEach[kind]!.ms.push(performance.now() - at);
    },
  );
  const [slowest] = ofEach
    .map(({ what, ms: own }) => ({ what, p99Ms: percentile(own, 0.99) }))
    .sort((a, b) => b.p99Ms - a.p99Ms);
  return { p99Ms: percentile(ms, 0.99), slowest: slowest! };
}

/** Measures the bare database on this machine in the same run: accepting and listing cannot be faster. */
async function measureLimits(
  databaseUrl: string,
): Promise<Pick<ApiDetails, "insertsPerSecond" | "bareListP99Ms">> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: acceptCallers });
  try {
    await pool.query(
      "CREATE TABLE bare (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), parent uuid, body jsonb)",
    );
    const body = JSON.stringify(data);
    const inserts = await measureCalls({ calls: accepts, callers: acceptCallers }, () =>
      pool.query(
        "WITH one AS (INSERT INTO bare (body) VALUES ($1::jsonb) RETURNING id) INSERT INTO bare (parent, body) SELECT id, $1::jsonb FROM one",
        [body],
      ),
    );
    const pages = await measureCalls({ calls: 1_000, callers: readCallers }, () =>
      pool.query("SELECT * FROM deliveries ORDER BY id DESC LIMIT 51"),
    );
    return { insertsPerSecond: inserts.perSecond, bareListP99Ms: percentile(pages.ms, 0.99) };
  } finally {
    await pool.end();
  }
}
