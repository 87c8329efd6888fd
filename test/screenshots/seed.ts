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
  /** One that is being sent. */
  campaign: string;
  /** One that has ended. */
  finished: string;
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
  const started = await startTemporaryStack({ environment, say });
  const stack: TemporaryStack = {
    ...started,
    async stop(options) {
      await started.stop(options);
      await sink.close();
    },
  };
  try {
    const { details } = await runDemo(stack, sink, { recipients: 2_000, say });
    return { stack, shown: await addWork(caller(stack), details.campaignId) };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();

/** A frame for the mails, so that previews look like mails that a company sends. */
const layout = {
  key: "shop",
  name: "Shop",
  html: `<body style="margin:0;background:#eef1f4;font-family:Helvetica,Arial,sans-serif;color:#1c2430">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:24px 12px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:560px;background:#ffffff;border-radius:8px">
<tr><td style="padding:20px 28px;background:#0a5f6b;color:#ffffff;font-size:18px;font-weight:bold;border-radius:8px 8px 0 0">Fernweh Coffee</td></tr>
<tr><td style="padding:24px 28px;font-size:15px;line-height:1.5">{{ content_for_layout }}</td></tr>
<tr><td style="padding:16px 28px;border-top:1px solid #e3e7ec;color:#5a6675;font-size:12px">Fernweh Coffee, Rua das Flores 12, Porto</td></tr>
</table></td></tr></table></body>
`,
};

/** The second version of the campaign's template, within the layout. */
const weekly = {
  content: {
    email: {
      subject:
        "{{ recipient.attributes.first_name }}, your week in {{ recipient.attributes.city }}",
      html: `{% layout "shop" %}
<h1 style="font-size:22px">Hello {{ recipient.attributes.first_name }}</h1>
<p>In the week of {{ week }} you collected {{ recipient.attributes.points }} points in {{ recipient.attributes.city }}.</p>
{% if recipient.attributes.plan == "free" %}
<p>With the pro plan they would have been twice as many.</p>
{% endif %}
<p><a href="https://example.org/points" style="display:inline-block;padding:10px 18px;background:#0a5f6b;color:#ffffff;border-radius:6px;text-decoration:none">See your points</a></p>
`,
    },
  },
  variables: { type: "object", properties: { week: { type: "string" } }, required: ["week"] },
};

/** What a service does once, before people use the console. */
async function addSettings(call: Call): Promise<void> {
  for (const [key, name, filter] of [
    ["free-plan", "On the free plan", { attribute: "plan", equals: "free" }],
    ["pro-plan", "On the pro plan", { attribute: "plan", equals: "pro" }],
    ["family-plan", "On the family plan", { attribute: "plan", equals: "family" }],
  ] as const)
    await call("POST", "/v1/segments", { key, name, filter });
  for (const rule of [
    {
      key: "pro-by-push",
      name: "Push first for the pro plan",
      when: { attribute: "plan", equals: "pro" },
      route: { stages: [{ via: ["push", "email"] }] },
    },
    {
      key: "critical-everywhere",
      name: "Critical messages on every channel",
      when: { field: "priority", in: ["critical"] },
      route: {
        stages: [
          { via: ["in_app"] },
          { via: ["push"] },
          { via: ["email"], after: { minutes: 5, unless: "read" } },
        ],
      },
    },
  ])
    await call("POST", "/v1/routing-rules", rule);
  await call("POST", "/v1/layouts", layout);
  await call("POST", "/v1/templates/weekly/versions", weekly);
  for (const [name, role] of [
    ["Shop", "sender"],
    ["Grafana", "metrics"],
    ["Customer support", "viewer"],
  ] as const)
    await call("POST", "/v1/api-keys", { name, role });
  for (const [name, path, isShared] of [
    ["Not sent today", "/deliveries?status=failed,suppressed", true],
    ["Held by quiet hours", "/deliveries?status=pending&reason=quiet_hours", false],
  ] as const)
    await call("POST", "/v1/views", { name, path, isShared });
  await call("POST", "/v1/suppressions", {
    channel: "email",
    address: "member-40@example.net",
    reason: "manual",
  });
}

/** Messages that wait for each reason that operators meet, and campaigns in every status. */
async function addWork(call: Call, campaign: string): Promise<Shown> {
  const { items: people } = await call("GET", "/v1/recipients?limit=40");
  const ids = people.map(({ id }) => id);
  const recipient = ids[3]!;
  await addSettings(call);
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
  const make = (name: string, more: object) =>
    call("POST", "/v1/campaigns", { ...plan, name, ...more });
  const draft = await make("December news", { audience: { include: ["pro-plan"] } });
  await make("New year’s offers", { audience: { all: true }, startAt: inHours(30 * 24) });
  const paused = await make("Family plan, new prices", {
    audience: { include: ["family-plan"] },
    throttle: { perSecond: 1 },
  });
  await call("POST", `/v1/campaigns/${paused.id}/start`);
  const slow = await make("Season’s greetings", {
    audience: { all: true },
    throttle: { perSecond: 2 },
  });
  await call("POST", `/v1/campaigns/${slow.id}/start`);
  await call("PUT", "/v1/gates/provider/mailbox", { permitsPerSecond: 50, dailyQuota: 50_000 });
  const { items: left } = await call("GET", "/v1/deliveries?limit=1&status=suppressed");
  await call("POST", `/v1/campaigns/${paused.id}/pause`);
  return {
    campaign: slow.id,
    finished: campaign,
    draft: draft.id,
    notification: sent.id,
    delivery: left[0]?.id ?? campaign,
    recipient,
  };
}
