import { startPushSink } from "../../cli/demo/push-sink.ts";
import { runDemo } from "../../cli/demo/run.ts";
import { startTemporaryStack, type TemporaryStack } from "../../cli/demo/temporary-stack.ts";

/** What is read of answers: each has some of it. */
interface Answer {
  id: string;
  code: string;
  items: { id: string }[];
}
type Call = (method: string, path: string, body?: unknown) => Promise<Answer>;

/** The ids of what screenshots show. */
export interface Shown {
  campaign: string;
  draft: string;
  notification: string;
  delivery: string;
  recipient: string;
}

/** Makes requests with the key of a stack. Throws if one is refused. */
export function caller({ urls, apiKey }: Pick<TemporaryStack, "urls" | "apiKey">): Call {
  return async (method, path, body) => {
    const response = await fetch(new URL(path, urls.api), {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const answer = (await response.json().catch(() => null)) as Answer;
    if (!response.ok)
      throw new Error(`${method} ${path} answered ${response.status}: ${JSON.stringify(answer)}`);
    return answer;
  };
}

/** Starts a stack that looks like one in use: with the demo's campaign, and with messages that wait, for each reason that operators meet. */
export async function startUsedStack(
  say: (line: string) => void,
): Promise<{ stack: TemporaryStack; shown: Shown }> {
  const sink = await startPushSink();
  const environment = {
    ...process.env,
    ...sink.settings,
    CONSOLE_ENVIRONMENT: "Production",
    CONSOLE_COLOR: "green",
  };
  const stack = await startTemporaryStack({ environment, say });
  try {
    const { details } = await runDemo(stack, sink, { recipients: 2_000, say });
    return { stack, shown: await addWork(caller(stack), details.campaignId) };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();

async function addWork(call: Call, campaign: string): Promise<Shown> {
  const { items: people } = await call("GET", "/v1/recipients?limit=40");
  const ids = people.map(({ id }) => id);
  const recipient = ids[3]!;
  for (const [key, name, filter] of [
    ["free-plan", "On the free plan", { attribute: "plan", equals: "free" }],
    ["pro-plan", "On the pro plan", { attribute: "plan", equals: "pro" }],
  ] as const)
    await call("POST", "/v1/segments", { key, name, filter });
  await call("POST", "/v1/routing-rules", {
    key: "pro-by-push",
    name: "Push first for the pro plan",
    when: { attribute: "plan", equals: "pro" },
    route: { stages: [{ via: ["push", "email"] }] },
  });
  await call("PATCH", `/v1/recipients/${recipient}/preferences`, {
    quietHours: [{ start: "22:00", end: "07:30" }],
    digest: { mode: "daily", time: "08:00" },
  });
  const notify = (body: object) =>
    call("POST", "/v1/notifications", {
      template: { key: "sign-in" },
      data: { place: "Porto" },
      ...body,
    });
  await notify({ recipients: ids.slice(0, 12), type: "report.weekly" });
  await notify({ recipients: [recipient], sendAt: inHours(3) });
  await notify({ recipients: [recipient], type: "task.deadline", sendAt: inHours(26) });
  await notify({ recipients: ids, sendAt: inHours(20), priority: "low" });
  const sent = await notify({
    recipients: ids.slice(4, 9),
    type: "task.deadline",
  });
  const plan = { template: { key: "weekly" }, data: { week: "6 December" } };
  const draft = await call("POST", "/v1/campaigns", {
    ...plan,
    name: "December news",
    audience: { include: ["pro-plan"] },
  });
  const slow = await call("POST", "/v1/campaigns", {
    ...plan,
    name: "Season’s greetings",
    audience: { all: true },
    throttle: { perSecond: 2 },
  });
  await call("POST", `/v1/campaigns/${slow.id}/start`);
  await call("PUT", "/v1/gates/provider/smtp-1", {
    permitsPerSecond: 50,
    dailyQuota: 50_000,
  }).catch(() => {});
  const { items: failed } = await call("GET", "/v1/deliveries?limit=1&status=suppressed");
  return {
    campaign: slow.id,
    draft: draft.id,
    notification: sent.id,
    delivery: failed[0]?.id ?? campaign,
    recipient,
  };
}
