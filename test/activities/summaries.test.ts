import PostalMime from "postal-mime";
import type { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createComposer } from "../../activities/channels/email/compose.ts";
import { joinMessage } from "../../activities/channels/email/smtp-job.ts";
import type { Content } from "../../activities/dispatch/send-job.ts";
import { createSummaries, type Part } from "../../activities/dispatch/content.ts";
import { parseMailbox, parseSender } from "../../domain/address.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import type { NotificationAction } from "../../domain/notification.ts";
import { type NotificationType, typeDefinition } from "../../domain/policy/notification-type.ts";
import { type Policy, buildPolicy, defaultPolicy } from "../../domain/policy/policy.ts";
import { Effort } from "../../domain/templates/effort.ts";
import { createTokens } from "../../domain/tokens.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { linkSecret, testLinks } from "../support/links.ts";

const now = new Date("2027-03-01T09:00:00Z");

let database: LedgerDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createLedgerDatabase();
  ({ pool } = database);
});
beforeEach(() => database.empty());
afterAll(() => database.drop());

/** Ids show the order of creation only to the millisecond. */
let made = 0;

const recipient = {
  id: newUuid(),
  externalId: "ada",
  email: "ada@example.org",
  phone: null,
  timeZone: "Europe/Berlin",
  locale: "en-GB",
  attributes: {},
};

const type = (number: number, settings: Partial<NotificationType> = {}): NotificationType => ({
  ...typeDefinition.parse({ name: `Type ${number}` }),
  id: `type-${number}`,
  key: `type.${number}`,
  number,
  version: 1,
  ...settings,
});
const deadlines = type(1, {
  key: "task.deadline",
  name: "Task deadlines",
  summaryTitle: "{count} task deadlines approaching",
});

const item = (
  group: Part["delivery"]["group"],
  subject: string,
  source: Partial<Part["source"]> = {},
): Part => ({
  delivery: {
    id: newUuid(new Date(Date.UTC(2027, 0, 1) + made++)),
    recipient,
    campaignId: null,
    channel: "email",
    priority: "normal",
    linksEpoch: 0,
    group,
  },
  source: {
    templateVersionId: `version of ${subject}`,
    content: { email: { subject, html: `<p>${subject}</p>` } },
    data: {},
    type: deadlines,
    topic: null,
    email: null,
    occursAt: null,
    entityId: null,
    actions: [],
    collapseKey: null,
    askedAt: now,
    expiresAt: null,
    ...source,
  },
});

async function said(items: readonly Part[], policy: Policy = defaultPolicy): Promise<Content> {
  const summarise = await createSummaries({ pool, links: testLinks }).of([items[0]!], policy);
  return summarise(items, now);
}

const read = (content: Content) =>
  PostalMime.parse(
    joinMessage(
      createComposer({ sender: parseSender("tidings@example.org")!, clock: () => 0 }).compose(
        { ...content, recipient, priority: "normal" },
        parseMailbox(recipient.email)!,
        new Effort(),
      ),
    ),
  );

async function template(key: string, html: string, { archived = false } = {}): Promise<string> {
  const [id, version] = [newUuid(), newUuid()];
  await pool.query(
    "INSERT INTO templates (id, key, name, active_version, archived_at) VALUES ($1, $2, 'A template', 2, $3)",
    [id, key, archived ? now : null],
  );
  await pool.query(
    `INSERT INTO template_versions (id, template_id, version, content, variables)
     VALUES ($1, $2, 1, '{"email":{"subject":"old","html":"old"}}', '{}'), ($3, $2, 2, $4, '{}')`,
    [newUuid(), id, version, { email: { subject: "{{ title }}", html } }],
  );
  return version;
}

const claimsOf = async (url: string) => {
  const verified = await createTokens([linkSecret]).verifyActionToken(url.split("/a/")[1]!, now);
  if ("fault" in verified) return verified.fault;
  const { target, action } = verified.claims;
  return { target, action };
};

const actions: NotificationAction[] = [
  { action: "view", url: "https://tasks.example.org/17", label: "See it" },
  { action: "snooze", minutes: 60 },
  { action: "complete" },
];

describe("what a message says", () => {
  it("is for one delivery what its template says, with links to its actions, whatever its group", async () => {
    const alone = item({ id: newUuid(), kind: "batch" }, "Alone", { data: { a: 1 }, actions });
    const content = await said([alone]);
    expect(content).toMatchObject({
      messageId: publicId("delivery", alone.delivery.id),
      templateVersionId: alone.source.templateVersionId,
      data: { a: 1 },
      actions: [{ label: "See it" }, { label: "Snooze" }, { label: "Mark as done" }],
    });
    for (const [index, { url, action }] of content.actions.entries())
      expect(await claimsOf(url)).toEqual({
        target: { delivery: alone.delivery.id },
        action: { ...actions[index], action, label: undefined },
      });
  });

  it("is for a batch a summary, in the name of the group", async () => {
    const group = { id: newUuid(), kind: "batch" as const };
    const subject = "{{ task }} for {{ recipient.externalId }}";
    const items = [
      item(group, subject, {
        data: { task: "Tax <return>" },
        entityId: "17",
        occursAt: new Date("2027-03-28T07:30:00Z"),
        actions,
      }),
      item(group, "{% for i in (1..99999999) %}x{% endfor %}", { entityId: "18", actions }),
      item(group, "{{ nothing }}", { entityId: "19", actions: actions.slice(1) }),
    ];
    const content = await said(items, buildPolicy({ batching: { itemsShown: 2 } }));
    expect(content).toMatchObject({
      messageId: publicId("group", group.id),
      data: {
        count: 3,
        title: "3 task deadlines approaching",
        type: { key: "task.deadline", name: "Task deadlines" },
        more: 1,
        entityIds: ["17", "18", "19"],
      },
    });
    const [first, second] = content.data["items"] as { url: string; title: string }[];
    expect(first).toMatchObject({
      title: "Tax <return> for ada",
      entityId: "17",
      occursAt: "2027-03-28T07:30:00.000Z",
    });
    expect(second!.title).toBe("Task deadlines");
    expect(await claimsOf(first!.url)).toEqual({
      target: { delivery: items[0]!.delivery.id },
      action: { action: "view", url: "https://tasks.example.org/17" },
    });
    expect(await Promise.all(content.actions.map(({ url }) => claimsOf(url)))).toEqual([
      { target: { group: group.id }, action: { action: "snooze", minutes: 60 } },
      { target: { group: group.id }, action: { action: "complete" } },
    ]);

    const mail = await read(content);
    expect(mail.subject).toBe("3 task deadlines approaching");
    expect(mail.messageId).toBe(`<${publicId("group", group.id)}@example.org>`);
    expect(mail.html).toContain(`<a href="${first!.url}"`);
    expect(mail.html).toContain(">Tax &lt;return&gt; for ada</a>");
    expect(mail.text).toContain("Tax <return> for ada (Sunday");
    expect(mail.text).toContain("and 1 more\n\nSnooze all: https://example.org/a/");
  });

  it("is that of the others where nothing can be said of a member, and why not", async () => {
    const group = { id: newUuid(), kind: "batch" as const };
    const items = ["One", "Two", "Three"].map((subject) =>
      item(group, subject, { actions: actions.slice(0, 1) }),
    );
    const bad = items[1]!.delivery.id;
    const fault = new Error("no link can be made");
    const links: typeof testLinks = {
      ...testLinks,
      forDelivery: (id, ...rest) =>
        id === bad ? Promise.reject(fault) : testLinks.forDelivery(id, ...rest),
    };
    const sayAll = await createSummaries({ pool, links }).of([items[0]!], defaultPolicy);
    const content = await sayAll(items, now);
    expect(content.faults).toEqual(new Map([[bad, fault]]));
    expect(content.data).toMatchObject({ count: 2, items: [{ title: "One" }, { title: "Three" }] });
    await expect(async () => sayAll([items[1]!], now)).rejects.toThrow(fault);
  });

  it("is for a digest a summary by type, the most urgent first", async () => {
    const group = { id: newUuid(), kind: "digest" as const };
    const reports = type(2, { name: "Reports", priority: "low" });
    const items = [
      item(group, "Week 8", { type: reports }),
      item(group, "Tax return"),
      item(group, "Week 9", { type: reports }),
    ];
    const content = await said(items, buildPolicy({ digest: { itemsShownPerType: 1 } }));
    expect(content).toMatchObject({
      messageId: publicId("group", group.id),
      data: {
        count: 3,
        title: "Your digest: 3 notifications",
        sections: [
          { type: { name: "Task deadlines" }, count: 1, items: [{ title: "Tax return" }], more: 0 },
          { type: { name: "Reports" }, count: 2, items: [{ title: "Week 8" }], more: 1 },
        ],
      },
      actions: [],
    });
    const mail = await read(content);
    expect(mail.subject).toBe("Your digest: 3 notifications");
    const preferences = content.preferencesUrl!;
    expect(preferences).toMatch(/\/p\/[\w-]+$/);
    expect(mail.text!.replace(preferences, "<preferences>")).toBe(`Your digest: 3 notifications

Task deadlines (1)
- Tax return

Reports (2)
- Week 8
and 1 more

Choose what you get, and when: <preferences>

`);
  });

  it("is in the language of the recipient, as are the labels of actions without one", async () => {
    const inGerman = (group: Part["delivery"]["group"]): Part => {
      const { delivery, source } = item(group, "Steuer", { actions: actions.slice(1) });
      return { delivery: { ...delivery, recipient: { ...recipient, locale: "de-AT" } }, source };
    };
    const group = { id: newUuid(), kind: "digest" as const };
    const content = await said([inGerman(group), inGerman(group)]);
    expect(content.data["title"]).toBe("Ihre Zusammenfassung: 2 Benachrichtigungen");
    expect(content.actions.at(-1)!.label).toBe("Alle als erledigt markieren");
    const single = await said([inGerman(null)]);
    expect(single.actions.at(-1)!.label).toBe("Als erledigt markieren");
  });

  it("is made of the active version of the template that is named, as long as there is one", async () => {
    const named = async (kind: "batch" | "digest", key: string) => {
      const group = { id: newUuid(), kind };
      const own = { ...deadlines, summaryTemplate: key };
      const items = ["One", "Two"].map((subject) => item(group, subject, { type: own }));
      const policy = buildPolicy({ digest: { template: key } });
      return said(items, policy);
    };
    const version = await template("ours", "<b>{{ count }}</b>");
    await template("gone", "gone", { archived: true });
    for (const kind of ["batch", "digest"] as const) {
      const ours = await named(kind, "ours");
      expect(ours.templateVersionId).toBe(version);
      expect((await read(ours)).html).toBe("<b>2</b>\n");
      for (const key of ["gone", "missing"])
        expect((await named(kind, key)).templateVersionId).toBe(`default-${kind}-1`);
    }
  });
});
