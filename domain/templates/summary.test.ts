import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type NotificationType, typeDefinition } from "../policy/notification-type.ts";
import { defaultPolicy } from "../policy/policy.ts";
import { priorities } from "../priority.ts";
import { compileInApp, renderInApp } from "./in-app.ts";
import { compilePush, renderPush } from "./push.ts";
import {
  batchScope,
  digestScope,
  groupActions,
  listedTitle,
  type Member,
  type SummaryItem,
  whenText,
} from "./summary.ts";
import { defaultSummaries } from "./default-summaries.ts";
import { summaryWords, summaryWordsFor } from "./summary-words.ts";
import { checkContent } from "./check-content.ts";
import { type ActionLink, emailScope, renderEmail } from "./template.ts";

const english = summaryWordsFor("en-GB");

function typeOf(number: number, settings: Partial<NotificationType> = {}): NotificationType {
  const key = settings.key ?? `type.${number}`;
  return {
    ...typeDefinition.parse({ name: `Type ${number}`, batchable: true, digestable: true }),
    id: `id-${number}`,
    key,
    number,
    version: 1,
    ...settings,
  };
}

const member = (settings: Partial<Member> = {}): Member => ({
  type: typeOf(1),
  entityId: null,
  actions: [],
  ...settings,
});

const types = Array.from({ length: 12 }, (_, number) =>
  typeOf(number, { priority: priorities[number % priorities.length]!, name: `Type ${number % 5}` }),
);
const entityIds = fc.option(fc.integer({ min: 0, max: 150 }).map((id) => `entity-${id}`));
const membersOf = (type: fc.Arbitrary<NotificationType | null>) =>
  fc.array(fc.record({ type, entityId: entityIds, actions: fc.constant<Member["actions"]>([]) }), {
    minLength: 1,
    maxLength: 300,
  });
const shownAtMost = fc.integer({ min: 1, max: 50 });

const distinct = (members: readonly Member[]) => [
  ...new Set(members.flatMap(({ entityId }) => entityId ?? [])),
];

describe("a batch", () => {
  it("has the number of members, the first members, and all entity ids", () => {
    fc.assert(
      fc.property(membersOf(fc.constant(types[0]!)), shownAtMost, (members, itemsShown) => {
        const scope = batchScope(members, { itemsShown }, english);
        expect(scope.count).toBe(members.length);
        expect(scope.items.length + scope.more).toBe(scope.count);
        expect(scope.items).toEqual(members.slice(0, itemsShown));
        expect(scope.entityIds).toEqual(distinct(members).slice(0, 100));
      }),
    );
  });

  it("has the title of its type, or a title with the type's name", () => {
    const three = (type: NotificationType) =>
      batchScope(
        [1, 2, 3].map(() => member({ type })),
        { itemsShown: 5 },
        english,
      );
    expect(three(typeOf(1, { summaryTitle: "{count} task deadlines approaching" })).title).toBe(
      "3 task deadlines approaching",
    );
    expect(three(typeOf(1, { name: "Habit reminders" })).title).toBe("3 new: Habit reminders");
  });

  it("shows the picture of its type as a push notification", () => {
    const iconOf = (settings: Partial<NotificationType>) => {
      const type = typeOf(1, settings);
      const { title, type: shown } = batchScope([member({ type })], { itemsShown: 5 }, english);
      const scope = { title, count: 1, items: [], type: shown, actions: [] };
      return renderPush(compilePush(defaultSummaries.batch.content), scope).icon;
    };
    const summaryIcon = "https://tasks.example.org/icons/batch.png";
    expect(iconOf({ summaryIcon })).toBe(summaryIcon);
    expect(iconOf({})).toBeUndefined();
  });
});

describe("a digest", () => {
  it("has a section for each type, the most urgent first, which shows or counts every member", () => {
    fc.assert(
      fc.property(
        membersOf(fc.option(fc.constantFrom(...types))),
        shownAtMost,
        (members, itemsShownPerType) => {
          const {
            count,
            sections,
            entityIds: ids,
          } = digestScope(members, { itemsShownPerType }, english);
          expect(count).toBe(members.length);
          expect(ids).toEqual(distinct(members).slice(0, 100));
          let shown = 0;
          for (const { type, count: own, items, more } of sections) {
            const ofType = members.filter((one) => (one.type?.key ?? null) === type.key);
            expect(own).toBe(ofType.length);
            expect(items.length + more).toBe(own);
            expect(items).toEqual(ofType.slice(0, items.length));
            expect(items.length).toBe(Math.min(own, itemsShownPerType, 100 - shown));
            shown += items.length;
          }
          const order = sections.map(({ type: { key } }) => {
            const type = types.find((one) => one.key === key);
            return type ? `${priorities.indexOf(type.priority)} ${type.name} ${type.key}` : "~";
          });
          expect(order).toEqual(order.toSorted());
          expect(new Set(order).size).toBe(sections.length);
          expect(sections.reduce((sum, { count: own }) => sum + own, 0)).toBe(count);
        },
      ),
    );
  });
});

describe("the actions of a group", () => {
  const view = { action: "view", url: "https://example.org/1" } as const;
  const snooze = (minutes: number) => ({ action: "snooze", minutes, label: "Later" }) as const;
  const complete = { action: "complete" } as const;
  const viewAllUrl = "https://example.org/tasks?ids={entityIds}";

  it("are those of one member, of all members, or of their type", () => {
    const type = typeOf(1, { viewAllUrl });
    const members = [
      member({ type, entityId: "a&b", actions: [view, complete] }),
      member({ type, entityId: "c", actions: [complete, snooze(30)] }),
      member({ type, entityId: "a&b", actions: [snooze(90), complete] }),
    ];
    expect(groupActions("batch", members, english)).toEqual([
      { action: "view", url: "https://example.org/tasks?ids=a%26b,c", label: "View all" },
      { action: "snooze", minutes: 30, label: "Snooze all" },
      { action: "complete", label: "Mark all as done" },
    ]);
    const summaryActionLabels = { view: "View all tasks", complete: "Check all in" };
    const labelled = members.map((one) => ({
      ...one,
      type: typeOf(1, { viewAllUrl, summaryActionLabels }),
    }));
    const labelsOf = (kind: "batch" | "digest") =>
      groupActions(kind, labelled, english).map(({ label }) => label);
    expect(labelsOf("batch")).toEqual(["View all tasks", "Snooze all", "Check all in"]);
    expect(labelsOf("digest")).toEqual(["Snooze all", "Mark all as done"]);
    expect(groupActions("digest", members, english).map(({ action }) => action)).toEqual([
      "snooze",
      "complete",
    ]);
    expect(
      groupActions("batch", [...members, member({ type, entityId: "d" })], english),
    ).toHaveLength(2);
    expect(groupActions("batch", [member(), member()], english)).toEqual([]);
  });

  it("do not include view where the address could not name every member", () => {
    const type = typeOf(1, { viewAllUrl });
    const urls = (members: Member[]) =>
      groupActions("batch", members, english).flatMap((offered) =>
        offered.action === "view" ? offered.url : [],
      );
    expect(urls([member({ type, entityId: "a" }), member({ type })])).toEqual([]);
    const long = Array.from({ length: 20 }, (_, n) =>
      member({ type, entityId: `${n}`.repeat(99) }),
    );
    expect(urls(long)).toEqual([]);
    const fixed = typeOf(1, { viewAllUrl: "https://example.org/tasks" });
    expect(urls([member({ type: fixed }), member({ type: fixed })])).toEqual([
      "https://example.org/tasks",
    ]);
  });
});

describe("the title of an item", () => {
  it("has a bounded length, and no half of a character", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "😀"), maxLength: 200 }), (title) => {
        const listed = listedTitle(title);
        expect(listed.length).toBeLessThanOrEqual(120);
        expect(listed).not.toMatch(/\p{Surrogate}/u);
        if (title.length <= 120) expect(listed).toBe(title);
        else expect(title.startsWith(listed.slice(0, -1))).toBe(true);
      }),
    );
    expect(listedTitle("😀".repeat(70))).toBe(`${"😀".repeat(59)}…`);
  });
});

describe("the text of a time", () => {
  const at = new Date("2027-03-28T07:30:00Z");
  const when = (timeZone: string, locale: string) => whenText(at, { timeZone, locale });

  it("is in the recipient's time zone and language", () => {
    expect(when("Europe/Berlin", "de")).toMatch(/^Sonntag, 28. März 2027 (um )?09:30$/);
    expect(when("Asia/Kolkata", "en-GB")).toMatch(/^Sunday,? 28 March 2027 at 13:00$/);
    expect(when("Etc/Unknown", "en-GB")).toMatch(/^Sunday,? 28 March 2027 at 07:30$/);
    expect(when("UTC", "no such locale")).toMatch(/^Sunday, March 28, 2027 at 7:30.AM$/);
  });
});

describe("the default templates of groups", () => {
  const recipient = {
    id: "rcp_1",
    externalId: null,
    email: "ada@example.org",
    timeZone: "Europe/Berlin",
    locale: "en",
    attributes: {},
  };
  const item = (settings: Partial<SummaryItem> = {}): SummaryItem => ({
    title: "Send the report",
    entityId: null,
    occursAt: null,
    when: null,
    url: null,
    ...settings,
  });
  const batch = (items: SummaryItem[], more: number, actions: ActionLink[] = []) =>
    renderEmail(
      defaultSummaries.batch.content,
      emailScope(recipient, { title: "3 task deadlines approaching", items, more }, actions),
    );

  it("are accepted", () => {
    for (const { content } of Object.values(defaultSummaries))
      expect(checkContent(content)).toEqual([]);
  });

  it("end with a link to the preference centre, where there is one", () => {
    const preferencesUrl = "https://example.org/p/1?a&b";
    const scope = { title: "3 new", items: [], more: 3, sections: [] };
    for (const { content } of Object.values(defaultSummaries)) {
      const { html, text } = renderEmail(
        content,
        emailScope(recipient, scope, [], { preferencesUrl }),
      );
      expect(text.endsWith(`\nChoose what you get, and when: ${preferencesUrl}\n`)).toBe(true);
      expect(html).toContain('<a href="https://example.org/p/1?a&amp;b"');
      const without = renderEmail(content, emailScope(recipient, scope));
      expect(without.html + without.text).not.toContain("Choose what");
    }
  });

  it("show a batch: items with times and links, the number of further ones, and actions", () => {
    const { subject, html, text } = batch(
      [
        item({ url: "https://example.org/a/1", when: "Sunday, half past nine" }),
        item({ title: "Call Ada" }),
      ],
      1,
      [{ action: "snooze", label: "Snooze all", url: "https://example.org/a/2" }],
    );
    expect(subject).toBe("3 task deadlines approaching");
    expect(text).toBe(`3 task deadlines approaching

- Send the report (Sunday, half past nine)
  https://example.org/a/1
- Call Ada
and 1 more

Snooze all: https://example.org/a/2
`);
    expect(html).toMatch(/<h1 [^>]+>3 task deadlines approaching<\/h1>/);
    expect(html).toMatch(
      /<a href="https:\/\/example.org\/a\/1" [^>]+>Send the report<\/a><span [^>]+>Sunday, half past nine<\/span><\/li>/,
    );
    expect(html).toMatch(/<p [^>]+>and 1 more<\/p>/);
    expect(html).toMatch(/<a href="https:\/\/example.org\/a\/2" [^>]+>Snooze all<\/a>/);
  });

  it("are in the language of the recipient, as are titles and labels, with one further item and several", () => {
    const { content } = defaultSummaries.batch;
    const group = [member(), member({ type: null, actions: [{ action: "complete" }] })];
    const written = summaryWords.map((words) => {
      const { title } = batchScope([member(), member()], { itemsShown: 1 }, words);
      const { title: digestTitle, sections } = digestScope(group, { itemsShownPerType: 1 }, words);
      const [complete] = groupActions("digest", group.slice(1), words);
      const scope = { title, items: [item()], count: 2, more: 1 };
      const data = emailScope({ ...recipient, locale: words.lang }, scope);
      const lines = renderEmail(content, data, words.lang).text.split("\n");
      const { body } = renderPush(compilePush(content, words.lang), { ...data, count: 3 });
      return [title, digestTitle, sections.at(-1)!.type.name, complete!.label, lines.at(-2), body];
    });
    expect(written).toMatchInlineSnapshot(`
      [
        [
          "2 new: Type 1",
          "Your digest: 2 notifications",
          "Notifications",
          "Mark all as done",
          "and 1 more",
          "Send the report and 2 others",
        ],
        [
          "2 neu: Type 1",
          "Ihre Zusammenfassung: 2 Benachrichtigungen",
          "Benachrichtigungen",
          "Alle als erledigt markieren",
          "und 1 weitere",
          "Send the report und 2 weitere",
        ],
        [
          "Du nouveau (2) : Type 1",
          "Votre récapitulatif : 2 notifications",
          "Notifications",
          "Tout marquer comme terminé",
          "et 1 autre",
          "Send the report et 2 autres",
        ],
        [
          "Novedades (2): Type 1",
          "Su resumen: 2 notificaciones",
          "Notificaciones",
          "Marcar todo como hecho",
          "y 1 más",
          "Send the report y 2 más",
        ],
      ]
    `);
    expect(summaryWordsFor("de-AT").lang).toBe("de");
    expect(summaryWordsFor("ja").lang).toBe("en");
  });

  it("show a digest by type", () => {
    const sections = [
      { type: { key: "a", name: "Tasks & more" }, count: 3, items: [item()], more: 2 },
      { type: { key: "b", name: "Reports" }, count: 1, items: [], more: 1 },
    ];
    const { html, text } = renderEmail(
      defaultSummaries.digest.content,
      emailScope(recipient, { title: "Your digest: 4 notifications", count: 4, sections }),
    );
    expect(text).toBe(`Your digest: 4 notifications

Tasks & more (3)
- Send the report
and 2 more

Reports (1)
and 1 more
`);
    expect(html).toMatch(/<h2 [^>]+>Tasks &amp; more \(3\)<\/h2>\n<ul/);
    expect(html).toMatch(/<h2 [^>]+>Reports \(1\)<\/h2>\n<p/);
  });

  it.each<[number, string[], string]>([
    [3, ["Send the report", "Call Ada", "Pay"], "Send the report, Call Ada and 1 other"],
    [7, ["Send the report", "Call Ada"], "Send the report, Call Ada and 5 others"],
    [2, ["Send the report", "Call Ada"], "Send the report and Call Ada"],
    [2, ["Send the report"], "Send the report and 1 other"],
    [1, ["Send the report"], "Send the report"],
  ])("name the first two of %i as a notification", (count, titles, body) => {
    const items = titles.map((title) => item({ title }));
    const title = `${count} task deadlines approaching`;
    const type = { key: "task.deadline", name: "Tasks" };
    const actions: ActionLink[] = [
      { action: "view", label: "View all", url: "https://example.org/a/1" },
      { action: "complete", label: "Mark all as done", url: "https://example.org/a/2" },
    ];
    const buttons = actions.map(({ label, url }) => ({ label, url }));
    const message = { title, body, url: "https://example.org/a/1", actions: buttons };
    const batchData = emailScope(recipient, { title, count, items, type }, actions);
    const sections = [items.slice(0, 1), items.slice(1)]
      .filter((own) => own.length > 0)
      .map((own) => ({ type, count: own.length, items: own, more: 0 }));
    const digestData = emailScope(recipient, { title, count, sections }, actions);
    const { batch: forBatch, digest: forDigest } = defaultSummaries;
    expect(renderPush(compilePush(forBatch.content), batchData)).toMatchObject(message);
    expect(renderPush(compilePush(forDigest.content), digestData)).toMatchObject(message);
    expect(renderInApp(compileInApp(forBatch.content), batchData)).toEqual({
      ...message,
      category: "task.deadline",
    });
    expect(renderInApp(compileInApp(forDigest.content), digestData)).toEqual({
      ...message,
      category: "digest",
    });
  });

  it("are notifications without links where a group has no actions", () => {
    const data = emailScope(recipient, { title: "2 new", count: 2, items: [item(), item()] });
    const message = renderPush(compilePush(defaultSummaries.batch.content), data);
    expect(message).not.toHaveProperty("url");
    expect(message.actions).toEqual([]);
  });

  it("escape everything that they show", () => {
    const hostile = fc.string({
      unit: fc.constantFrom("<", ">", '"', "'", "&", "a", "/", "{{", "%}"),
    });
    fc.assert(
      fc.property(hostile, hostile, hostile, (title, url, label) => {
        const made = (values: [string, string, string]) =>
          batch([item({ title: values[0], url: values[1] || "#" })], 0, [
            { action: "view", label: values[2], url: values[1] || "#" },
          ]).html;
        const shape = (html: string) => html.replaceAll(/[^<>"]/g, "");
        expect(shape(made([title, url, label]))).toBe(shape(made(["a", "b", "c"])));
      }),
    );
  });

  it("keep a long digest small enough for every mail program", () => {
    const members = Array.from({ length: 5_000 }, (_, n) => member({ type: typeOf(n % 25) }));
    const digest = digestScope(members, defaultPolicy.digest, english);
    const shown = item({
      title: "A title that says in some words what is to be done by then",
      when: "Wednesday, September 28, 2027 at 10:30 PM",
      url: `https://example.org/a/${"x".repeat(300)}`,
    });
    const sections = digest.sections.map((section) => ({
      ...section,
      items: section.items.map(() => shown),
    }));
    const { html } = renderEmail(
      defaultSummaries.digest.content,
      emailScope(recipient, { ...digest, sections }),
    );
    expect(sections.reduce((sum, { items }) => sum + items.length, 0)).toBe(100);
    expect(Buffer.byteLength(html)).toBeLessThan(102_400);
    for (const { type, count } of digest.sections)
      expect(html).toContain(`>${type.name} (${count})</h2>`);
  });
});
