import type { Page } from "playwright-core";
import type { Shown } from "./seed.ts";

/** A screen of which pictures are taken. */
export interface Shot {
  name: string;
  path: (shown: Shown) => string;
  /** What is done before the picture. A picture of a failure or of an empty installation is only taken without it. */
  act?: (page: Page) => Promise<unknown>;
  /** Whether the documentation shows it. */
  isInDocs?: true;
  /** Whether it shows one resource, which an empty installation does not have. */
  needsData?: true;
}

const press = (name: string | RegExp) => (page: Page) =>
  page.getByRole("button", { name }).first().click();
const showDialog = (page: Page) => page.locator("dialog[open]").first().waitFor();

/** Presses a button that opens a dialog. */
const openDialog = (name: string | RegExp) => async (page: Page) => {
  await press(name)(page);
  await showDialog(page);
};

async function previewNotification(page: Page) {
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Recipients", { exact: true }).fill("member-004, member-007");
  await dialog.getByRole("radio", { name: "A plain text" }).check();
  await dialog.getByLabel("Subject", { exact: true }).fill("We are closed on Sunday");
  await dialog
    .getByLabel("Text", { exact: true })
    .fill("The shop is closed on Sunday. We are back on Monday at 9:00.");
  await dialog.getByRole("button", { name: "Preview" }).click();
  await page.getByRole("region", { name: "What would happen" }).waitFor();
  await page.getByRole("region", { name: "What would happen" }).scrollIntoViewIfNeeded();
}

/** The screens, in the order of the rail, each with its parts and what opens over it. */
export const shots: readonly Shot[] = [
  { name: "overview", path: () => "/", isInDocs: true },
  { name: "bell", path: () => "/", act: press(/^Alerts/) },
  {
    name: "palette",
    path: () => "/campaigns",
    act: async (page) => {
      await page.keyboard.press("Control+k");
      await page.getByRole("dialog").getByRole("option").first().waitFor();
    },
  },
  { name: "keys", path: () => "/queue", act: (page) => page.keyboard.press("?") },
  { name: "me", path: () => "/queue", act: press(/^Signed in as/) },

  { name: "campaigns", path: () => "/campaigns" },
  {
    name: "campaign",
    path: ({ campaign }) => `/campaigns/${campaign}`,
    isInDocs: true,
    needsData: true,
  },
  {
    name: "campaign-stop",
    path: ({ campaign }) => `/campaigns/${campaign}`,
    act: openDialog("Stop"),
    needsData: true,
  },
  {
    name: "campaign-finished",
    path: ({ finished }) => `/campaigns/${finished}`,
    needsData: true,
  },
  {
    name: "campaign-revisions",
    path: ({ campaign }) => `/campaigns/${campaign}?tab=revisions`,
    needsData: true,
  },
  {
    name: "campaign-recall",
    path: ({ finished }) => `/campaigns/${finished}?tab=recall`,
    needsData: true,
  },
  {
    name: "campaign-recall-dialog",
    path: ({ finished }) => `/campaigns/${finished}?tab=recall`,
    act: press("Recall…"),
    needsData: true,
  },
  {
    name: "campaign-audit",
    path: ({ campaign }) => `/campaigns/${campaign}?tab=audit`,
    needsData: true,
  },
  { name: "campaign-new", path: () => "/campaigns/new" },
  {
    name: "campaign-edit",
    path: ({ draft }) => `/campaigns/${draft}/edit`,
    needsData: true,
  },
  {
    name: "campaign-review",
    path: ({ draft }) => `/campaigns/${draft}/edit`,
    act: async (page) => {
      await page.locator("#review li", { hasText: "Reachable" }).waitFor();
      await page.locator("#review").evaluate((element) => element.scrollIntoView());
    },
    needsData: true,
  },
  {
    name: "campaign-start",
    path: ({ draft }) => `/campaigns/${draft}/edit`,
    act: openDialog("Start…"),
    needsData: true,
  },

  { name: "notifications", path: () => "/notifications" },
  {
    name: "notification",
    path: ({ notification }) => `/notifications/${notification}`,
    needsData: true,
  },
  { name: "notify", path: () => "/notifications?notify=new" },
  {
    name: "notify-preview",
    path: () => "/notifications?notify=new",
    act: previewNotification,
    needsData: true,
  },

  { name: "deliveries", path: () => "/deliveries" },
  {
    name: "deliveries-selected",
    path: () => "/deliveries?status=pending",
    act: async (page) => {
      const rows = page.getByRole("table", { name: "Deliveries" }).locator("tbody tr");
      await rows.first().getByRole("checkbox").check();
      await rows.nth(1).getByRole("checkbox").check();
    },
    needsData: true,
  },
  {
    name: "deliveries-cancel",
    path: () => "/deliveries?status=pending",
    act: async (page) => {
      await page
        .getByRole("table", { name: "Deliveries" })
        .locator("tbody tr")
        .first()
        .getByRole("checkbox")
        .check();
      await page.getByRole("toolbar").getByRole("button", { name: "Cancel", exact: true }).click();
      await page.getByText("can be changed in this way").waitFor();
    },
    needsData: true,
  },
  { name: "deliveries-none", path: () => "/deliveries?channel=sms" },
  { name: "deliveries-filter", path: () => "/deliveries", act: press("Reason") },
  {
    name: "why",
    path: ({ delivery }) => `/deliveries?why=${delivery}`,
    isInDocs: true,
    needsData: true,
  },
  { name: "delivery", path: ({ delivery }) => `/deliveries/${delivery}`, needsData: true },

  { name: "queue", path: () => "/queue", isInDocs: true },
  { name: "queue-selected", path: () => "/queue?priority=normal", needsData: true },

  { name: "recipients", path: () => "/recipients" },
  {
    name: "recipient",
    path: ({ recipient }) => `/recipients/${recipient}`,
    isInDocs: true,
    needsData: true,
  },
  {
    name: "recipient-what-if",
    path: ({ recipient }) => `/recipients/${recipient}`,
    act: async (page) => {
      await press("What happens?")(page);
      await page.getByRole("button", { name: "Remove it from the picture" }).waitFor();
    },
    needsData: true,
  },
  ...(["preferences", "deliveries", "devices", "events", "profile", "erase"] as const).map(
    (tab): Shot => ({
      name: `recipient-${tab}`,
      path: ({ recipient }) => `/recipients/${recipient}?tab=${tab}`,
      needsData: true,
    }),
  ),
  {
    name: "recipient-preference",
    path: ({ recipient }) => `/recipients/${recipient}?tab=preferences`,
    act: openDialog("Change: Do not disturb"),
    needsData: true,
  },

  { name: "templates", path: () => "/templates" },
  { name: "template", path: () => "/templates/weekly", needsData: true },
  {
    name: "template-push",
    path: () => "/templates/order-shipped?channel=push",
    needsData: true,
  },
  {
    name: "template-compare",
    path: () => "/templates/weekly?version=2&compare=1",
    needsData: true,
  },
  {
    name: "template-test",
    path: () => "/templates/weekly",
    act: openDialog("Test"),
    needsData: true,
  },
  { name: "template-new", path: () => "/templates/new" },
  { name: "layouts", path: () => "/layouts" },
  { name: "layout", path: () => "/layouts/shop", needsData: true },

  { name: "routing", path: () => "/routing" },
  { name: "routing-rule", path: () => "/routing/pro-by-push", needsData: true },
  {
    name: "routing-preview",
    path: () => "/routing/pro-by-push",
    act: async (page) => {
      await press("Preview")(page);
      await page.getByText("would have gone another way").last().scrollIntoViewIfNeeded();
    },
    needsData: true,
  },
  { name: "routing-json", path: () => "/routing/pro-by-push?tab=json", needsData: true },
  { name: "routing-versions", path: () => "/routing/pro-by-push?tab=versions", needsData: true },
  { name: "routing-new", path: () => "/routing/new" },

  { name: "providers", path: () => "/providers" },
  { name: "providers-stop", path: () => "/providers", act: openDialog("Stop all email now") },
  { name: "provider", path: () => "/providers/mailbox", needsData: true },

  { name: "health", path: () => "/health" },
  { name: "audit", path: () => "/audit" },
  {
    name: "audit-entry",
    path: () => "/audit?action=campaign",
    act: (page) => page.locator("tbody tr[id] button").first().click(),
    needsData: true,
  },

  { name: "settings", path: () => "/settings" },
  ...(["sessions", "operators", "views", "appearance", "about"] as const).map((tab): Shot => ({
    name: `settings-${tab}`,
    path: () => `/settings?tab=${tab}`,
  })),
  {
    name: "settings-key",
    path: () => "/settings?tab=keys",
    act: openDialog("Create a key"),
  },
];
