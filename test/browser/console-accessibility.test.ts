import type { BrowserContextOptions, Page } from "playwright-core";
import { beforeAll, describe, expect, it } from "vitest";
import { sampleTemplate } from "../api/harness.ts";
import { populate } from "../api/populated.ts";
import { findSeriousFaults, useConsole } from "../support/console-pages.ts";
import { addProcess } from "../support/processes.ts";

let delivery: string;
let campaign: string;
let notification: string;
let waiting: string;
let recipient: string;
let completed: string;
let draft: string;
const world = useConsole(async (api) => {
  await populate(api);
  await addProcess(api.pool, { kind: "api", version: "0.2.0" });
  await addProcess(api.pool, { clockAheadMs: 9_000, isReady: false });
  const first = async (path: string) => (await api.send("GET", path)).body.items[0].id as string;
  delivery = await first("/v1/deliveries?status=failed");
  campaign = await first("/v1/campaigns?status=running");
  notification = await first("/v1/notifications");
  recipient = (await api.send("GET", "/v1/recipients/u1")).body.id;
  waiting = await first(`/v1/deliveries?notification=${notification}`);
  completed = await first("/v1/campaigns?status=completed");
  draft = await first("/v1/campaigns?status=draft");
  const { content, variables } = sampleTemplate;
  const changed = { email: { ...content.email, html: "<h1>Changed</h1>" } };
  await api.send("POST", "/v1/templates/plain/versions", { content: changed, variables });
  const frame = { key: "a11y", name: "A frame", html: "<h1>Shop</h1>{{ content_for_layout }}" };
  await api.send("POST", "/v1/layouts", frame);
});

/** What is looked at: the path of a page, what is done there, and the text that shows that it is ready. */
const places: readonly {
  name: string;
  path: () => string;
  act?: (page: Page) => Promise<void>;
  ready: (page: Page) => Promise<unknown>;
}[] = [
  {
    name: "the overview",
    path: () => "",
    ready: (page) =>
      page
        .getByRole("img", { name: /A running one/ })
        .first()
        .waitFor(),
  },
  {
    name: "the deliveries",
    path: () => "deliveries",
    ready: (page) => page.locator("tbody tr[id]").first().waitFor(),
  },
  {
    name: "the deliveries with a selection and a dialog",
    path: () => "deliveries?status=pending",
    act: async (page) => {
      await page.locator("tbody tr[id]").first().getByRole("checkbox").check();
      await page.getByRole("toolbar").getByRole("button", { name: "Cancel", exact: true }).click();
    },
    ready: (page) => page.getByText("can be changed in this way").waitFor(),
  },
  {
    name: "no deliveries",
    path: () => "deliveries?channel=sms",
    ready: (page) => page.getByText("No deliveries match").waitFor(),
  },
  {
    name: "the filters",
    path: () => "deliveries",
    act: (page) => page.getByRole("button", { name: "Reason" }).click(),
    ready: (page) => page.getByRole("checkbox", { name: "Quiet hours" }).waitFor(),
  },
  {
    name: "the Why drawer",
    path: () => `deliveries?why=${delivery}`,
    ready: (page) => page.locator("blockquote").waitFor(),
  },
  {
    name: "a delivery",
    path: () => `deliveries/${delivery}`,
    ready: (page) => page.locator("blockquote").waitFor(),
  },
  {
    name: "the campaigns",
    path: () => "campaigns",
    ready: (page) => page.locator("tbody tr[id]").first().waitFor(),
  },
  {
    name: "a campaign",
    path: () => `campaigns/${campaign}`,
    ready: (page) => page.getByText("The statuses add up").waitFor(),
  },
  {
    name: "the queue",
    path: () => "queue",
    ready: (page) => page.getByRole("rowheader").first().waitFor(),
  },
  {
    name: "the templates",
    path: () => "templates",
    ready: (page) => page.locator("tbody tr[id]").first().waitFor(),
  },
  {
    name: "the palette",
    path: () => "templates",
    act: (page) => page.keyboard.press("Control+k"),
    ready: (page) => page.getByRole("option").first().waitFor(),
  },
  {
    name: "the keys",
    path: () => "queue",
    act: async (page) => {
      await page.getByRole("rowheader").first().waitFor();
      await page.keyboard.press("?");
    },
    ready: (page) => page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor(),
  },
  {
    name: "the export of deliveries",
    path: () => "deliveries",
    act: (page) => page.getByRole("button", { name: "Export" }).click(),
    ready: (page) => page.getByRole("link", { name: /NDJSON/ }).waitFor(),
  },
  {
    name: "the deliveries of a selected time, with few columns",
    path: () => "deliveries?columns=recipient,reason&span=day&before=2100-01-01T00:00:00Z",
    ready: (page) => page.getByRole("slider").first().waitFor(),
  },
  {
    name: "the audit trail with the details of an entry",
    path: () => "audit?action=campaign",
    act: (page) => page.locator("tbody tr[id] button").first().click(),
    ready: (page) => page.locator("main dl").first().waitFor(),
  },
  {
    name: "no changes",
    path: () => "audit?resource=nothing",
    ready: (page) => page.getByText("No changes match").waitFor(),
  },
  {
    name: "the API keys",
    path: () => "settings?tab=keys",
    ready: (page) =>
      page
        .getByRole("row", { name: /Ada Admin/ })
        .first()
        .waitFor(),
  },
  {
    name: "making a key",
    path: () => "settings?tab=keys",
    act: async (page) => {
      await page.getByRole("button", { name: "Create a key" }).click();
      await page.getByText("Limit it further").click();
    },
    ready: (page) => page.getByRole("checkbox", { name: "templates:read" }).waitFor(),
  },
  {
    name: "asking for a proof over another dialog",
    path: () => "settings?tab=keys",
    act: async (page) => {
      await world.forgetProof(page);
      await page.getByRole("button", { name: "Create a key" }).click();
      await page.getByRole("button", { name: "Create the key" }).click();
    },
    ready: (page) => page.getByRole("dialog", { name: "Confirm that it is you" }).waitFor(),
  },
  {
    name: "the sessions",
    path: () => "settings?tab=sessions",
    ready: (page) => page.getByText("(this browser)").waitFor(),
  },
  {
    name: "no OpenID provider",
    path: () => "settings?tab=operators",
    ready: (page) => page.getByText("No OpenID provider is configured").waitFor(),
  },
  {
    name: "a page that cannot be found",
    path: () => "audit?cursor=of-an-old-link",
    ready: (page) => page.getByRole("button", { name: "Show the first page" }).waitFor(),
  },
  {
    name: "no saved views",
    path: () => "settings?tab=views",
    ready: (page) => page.getByText("No saved views yet").waitFor(),
  },
  {
    name: "the appearance",
    path: () => "settings?tab=appearance",
    ready: (page) => page.getByRole("group", { name: "Theme" }).waitFor(),
  },
  {
    name: "about",
    path: () => "settings?tab=about",
    ready: (page) => page.getByText("This installation").waitFor(),
  },
  {
    name: "saving a view",
    path: () => "queue",
    act: async (page) => {
      await page.getByRole("rowheader").first().waitFor();
      await page.getByRole("button", { name: /^Signed in as/ }).click();
      await page.locator("#me").getByRole("button", { name: "Save this view" }).click();
    },
    ready: (page) => page.getByRole("dialog", { name: "Save this view" }).waitFor(),
  },
  {
    name: "the menu of the person",
    path: () => "queue",
    act: (page) => page.getByRole("button", { name: /^Signed in as/ }).click(),
    ready: (page) => page.getByRole("button", { name: "Sign out" }).waitFor(),
  },
  {
    name: "the providers",
    path: () => "providers",
    ready: (page) => page.getByRole("link", { name: "smtp-2" }).waitFor(),
  },
  {
    name: "stopping a channel",
    path: () => "providers",
    act: (page) => page.getByRole("button", { name: "Stop all email now" }).click(),
    ready: (page) => page.getByRole("dialog").getByRole("link").waitFor(),
  },
  {
    name: "a provider",
    path: () => "providers/smtp-1",
    ready: (page) => page.getByText("this day").waitFor(),
  },
  {
    name: "the health",
    path: () => "health",
    ready: async (page) => {
      await page.getByText("accepts writes").waitFor();
      await page.getByText("Different versions run side by side").waitFor();
    },
  },
  {
    name: "the routing rules",
    path: () => "routing",
    ready: (page) => page.getByRole("link", { name: "urgent-by-push" }).waitFor(),
  },
  {
    name: "a routing rule with its preview",
    path: () => "routing/urgent-by-push",
    act: (page) => page.getByRole("button", { name: "Preview" }).click(),
    ready: (page) => page.getByText("would have gone another way").waitFor(),
  },
  {
    name: "a routing rule as JSON",
    path: () => "routing/urgent-by-push?tab=json",
    ready: (page) => page.getByLabel("The rule as JSON").waitFor(),
  },
  {
    name: "the versions of a routing rule",
    path: () => "routing/urgent-by-push?tab=versions",
    ready: (page) => page.getByText("The first version").waitFor(),
  },
  {
    name: "a new routing rule",
    path: () => "routing/new",
    ready: (page) => page.getByRole("button", { name: "Add a stage" }).waitFor(),
  },
  {
    name: "the notifications",
    path: () => "notifications",
    ready: (page) => page.locator("tbody tr[id]").first().waitFor(),
  },
  {
    name: "no notifications",
    path: () => "notifications?template=nothing",
    ready: (page) => page.getByText("No notifications match").waitFor(),
  },
  {
    name: "a notification with the question why somebody got it",
    path: () => `notifications/${notification}?of=${recipient}`,
    ready: (page) => page.getByRole("link", { name: "Why, rule by rule" }).first().waitFor(),
  },
  {
    name: "the dialog that notifies, with a preview",
    path: () => "notifications?notify=new",
    act: async (page) => {
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Recipients", { exact: true }).fill("u1, u2");
      await dialog.getByRole("radio", { name: "A plain text" }).check();
      await dialog.getByLabel("Subject", { exact: true }).fill("Hello");
      await dialog.getByLabel("Text", { exact: true }).fill("Good morning");
      await dialog.getByRole("button", { name: "Preview" }).click();
    },
    ready: (page) => page.getByRole("region", { name: "What would happen" }).waitFor(),
  },
  {
    name: "the queue with selected cells and a dialog",
    path: () => "queue?priority=normal",
    act: (page) =>
      page
        .getByRole("group", { name: "With all selected cells" })
        .getByRole("button", { name: "Change priority" })
        .click(),
    ready: (page) => page.getByText("can be changed in this way").waitFor(),
  },
  {
    name: "a delivery that waits, with its message",
    path: () => `deliveries/${waiting}`,
    ready: (page) => page.locator("iframe").waitFor(),
  },
  {
    name: "the recipients",
    path: () => "recipients",
    ready: (page) => page.locator("tbody tr[id]").first().waitFor(),
  },
  {
    name: "the timeline of a recipient",
    path: () => `recipients/${recipient}?past=14`,
    act: (page) => page.getByRole("button", { name: "What happens?" }).click(),
    ready: (page) => page.getByRole("button", { name: "Remove it from the picture" }).waitFor(),
  },
  {
    name: "the preferences of a recipient",
    path: () => `recipients/${recipient}?tab=preferences`,
    ready: (page) => page.getByRole("table", { name: "Preferences in force" }).waitFor(),
  },
  {
    name: "a preference in its dialog",
    path: () => `recipients/${recipient}?tab=preferences`,
    act: (page) =>
      page.getByRole("button", { name: "Change: Do not disturb", exact: true }).click(),
    ready: (page) => page.getByRole("button", { name: "Add a period" }).waitFor(),
  },
  {
    name: "the deliveries of a recipient",
    path: () => `recipients/${recipient}?tab=deliveries`,
    ready: (page) => page.locator("tbody tr[id]").first().waitFor(),
  },
  {
    name: "the devices of a recipient",
    path: () => `recipients/${recipient}?tab=devices`,
    ready: (page) => page.getByRole("heading", { name: "Devices", exact: true }).waitFor(),
  },
  {
    name: "the events of a recipient",
    path: () => `recipients/${recipient}?tab=events`,
    ready: (page) => page.getByRole("heading", { name: "Events" }).waitFor(),
  },
  {
    name: "the profile of a recipient in its form",
    path: () => `recipients/${recipient}?tab=profile`,
    act: (page) => page.getByRole("button", { name: "Edit" }).click(),
    ready: (page) => page.getByRole("heading", { name: "Edit the profile" }).waitFor(),
  },
  {
    name: "the token of a recipient",
    path: () => `recipients/${recipient}?tab=erase`,
    act: (page) => page.getByRole("button", { name: "Preference link" }).click(),
    ready: (page) => page.getByRole("button", { name: "Create a token" }).waitFor(),
  },
  {
    name: "the campaigns with a selection and a dialog",
    path: () => "campaigns?status=running,paused",
    act: async (page) => {
      await page.locator("tbody tr[id]").first().getByRole("checkbox").check();
      await page.getByRole("toolbar").getByRole("button", { name: "Stop" }).click();
    },
    ready: (page) => page.getByText("can be stopped").waitFor(),
  },
  {
    name: "a campaign with the answer to a question and the dialog to stop it",
    path: () => `campaigns/${campaign}`,
    act: async (page) => {
      await page.getByRole("textbox", { name: "Recipient" }).fill("customer-17");
      await page.keyboard.press("Enter");
      await page
        .getByRole("button", { name: /^customer-17/ })
        .first()
        .click();
      await page
        .getByRole("list", { name: "The conditions of the audience" })
        .or(page.getByText("Why, rule by rule"))
        .first()
        .waitFor();
      await page.getByRole("button", { name: "Stop" }).click();
    },
    ready: (page) => page.getByText("are open, of 8").waitFor(),
  },
  {
    name: "the revisions of a campaign",
    path: () => `campaigns/${campaign}?tab=revisions`,
    ready: (page) => page.getByRole("cell", { name: "First API key" }).waitFor(),
  },
  {
    name: "the recall of a campaign",
    path: () => `campaigns/${campaign}?tab=recall`,
    act: (page) => page.getByRole("button", { name: "Recall…" }).click(),
    ready: (page) => page.getByLabel("Reason").waitFor(),
  },
  {
    name: "the correction of a campaign",
    path: () => `campaigns/${completed}?tab=recall`,
    ready: (page) => page.getByLabel("Data").waitFor(),
  },
  {
    name: "the audit trail of a campaign",
    path: () => `campaigns/${campaign}?tab=audit`,
    ready: (page) => page.getByText("A running one").nth(1).waitFor(),
  },
  {
    name: "a new campaign",
    path: () => "campaigns/new",
    ready: (page) => page.getByLabel("Template").waitFor(),
  },
  {
    name: "a new campaign with what is missing, conditions and an hour that comes twice",
    path: () => "campaigns/new",
    act: async (page) => {
      await page.getByRole("button", { name: "Add conditions" }).click();
      await page.getByRole("button", { name: "Add a group" }).click();
      await page.getByRole("radio", { name: "At a time" }).check();
      await page.getByLabel("By the clocks of").fill("Europe/Berlin");
      await page.getByLabel("Day and time").fill("2090-10-29T02:30");
      await page.getByRole("button", { name: "Schedule…" }).click();
    },
    ready: (page) => page.getByLabel("Problems").waitFor(),
  },
  {
    name: "the edit of a draft, with its forecast",
    path: () => `campaigns/${draft}/edit`,
    ready: async (page) => {
      await page.locator("#review li", { hasText: "Reachable" }).waitFor();
      await page.frameLocator("iframe").locator("p").first().waitFor();
    },
  },
  {
    name: "the start of a campaign",
    path: () => `campaigns/${draft}/edit`,
    act: (page) => page.getByRole("button", { name: "Start…" }).click(),
    ready: (page) => page.getByRole("button", { name: /^Start for [1-9]/ }).waitFor(),
  },
  {
    name: "the edit of a running campaign",
    path: () => `campaigns/${campaign}/edit`,
    act: async (page) => {
      await page.getByLabel("Order").fill("B-2");
      await page.getByRole("button", { name: "Apply the changes…" }).click();
    },
    ready: (page) => page.getByText("Who gets what").waitFor(),
  },
  {
    name: "no templates",
    path: () => "templates?q=nothing-has-this-name",
    ready: (page) => page.getByText("No templates match").waitFor(),
  },
  {
    name: "a template, with an error at its line",
    path: () => `templates/${sampleTemplate.key}`,
    act: async (page) => {
      await page.getByRole("textbox", { name: /^HTML/ }).click();
      await page.keyboard.type("{% if %}");
    },
    ready: (page) => page.getByRole("button", { name: "Line 1" }).waitFor(),
  },
  {
    name: "the completion of a template’s variables",
    path: () => `templates/${sampleTemplate.key}?width=phone&scheme=dark`,
    act: async (page) => {
      await page.getByRole("textbox", { name: /^HTML/ }).click();
      await page.keyboard.type("{{ rec");
    },
    ready: (page) => page.getByRole("option", { name: "recipient" }).waitFor(),
  },
  {
    name: "a template’s push notification and the choice of a recipient",
    path: () => `templates/${sampleTemplate.key}?channel=push`,
    act: async (page) => {
      await page.getByRole("button", { name: "Write content of its own" }).click();
      await page.getByRole("button", { name: "Add a button" }).click();
      await page.getByRole("button", { name: "Choose…" }).click();
    },
    ready: (page) => page.getByRole("textbox", { name: "Find a recipient" }).waitFor(),
  },
  {
    name: "two versions compared",
    path: () => "templates/plain?version=2&compare=1",
    ready: (page) => page.getByRole("textbox", { name: "Version 2: Email, HTML" }).waitFor(),
  },
  {
    name: "the test of a template",
    path: () => `templates/${sampleTemplate.key}`,
    act: (page) => page.getByRole("button", { name: "Test", exact: true }).click(),
    ready: (page) => page.getByText("A test is a real message").waitFor(),
  },
  {
    name: "a new template",
    path: () => "templates/new",
    ready: (page) => page.getByText("Up to date").waitFor(),
  },
  {
    name: "the layouts",
    path: () => "layouts",
    ready: (page) => page.locator("tbody tr[id]").first().waitFor(),
  },
  {
    name: "a layout",
    path: () => "layouts/a11y",
    ready: (page) => page.getByText("Nothing includes it yet").waitFor(),
  },
  {
    name: "a new layout",
    path: () => "layouts/new",
    ready: (page) => page.getByText("Up to date").waitFor(),
  },
];

/** All pages of this file share one session, which saves signing in on each. */
let signedIn: BrowserContextOptions["storageState"];
beforeAll(async () => {
  const page = await world.open("health");
  signedIn = await page.context().storageState();
  await page.context().close();
});

describe.each([1280, 390])("at %i pixels", (width) => {
  it.each(places)(
    "$name: no serious fault in either theme, and nothing wider than the window",
    async ({ path, act, ready }) => {
      const page = await world.visit(path(), {
        storageState: signedIn!,
        viewport: { width, height: 844 },
        reducedMotion: "reduce",
      });
      await page.locator("#rail").waitFor({ state: "attached" });
      await act?.(page);
      await ready(page);
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        // Colours fade from theme to theme, and one fade may begin another.
        await page.evaluate(
          "{ let fades; while ((fades = document.getAnimations().filter((each) => each instanceof CSSTransition)).length > 0) fades.forEach((fade) => fade.finish()); }",
        );
        expect([colorScheme, await findSeriousFaults(page)]).toEqual([colorScheme, []]);
      }
      expect(
        await page.evaluate(
          "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        ),
      ).toBe(0);
      expect(world.complaints).toEqual([]);
    },
  );
});

it("signing in: no serious fault", async () => {
  const page = await world.visit("");
  await page.getByLabel("API key").waitFor();
  expect(await findSeriousFaults(page)).toEqual([]);
  expect(world.complaints).toEqual([]);
});
