import type { Place } from "./console-places.ts";

/** Places of the screens of messages: deliveries, the queue, notifications and campaigns. */
export const placesOfMessages: readonly Place[] = [
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
    path: ({ delivery }) => `deliveries?why=${delivery}`,
    ready: (page) => page.locator("blockquote").waitFor(),
  },
  {
    name: "a delivery",
    path: ({ delivery }) => `deliveries/${delivery}`,
    ready: (page) => page.locator("blockquote").waitFor(),
  },
  {
    name: "the campaigns",
    path: () => "campaigns",
    ready: (page) => page.locator("tbody tr[id]").first().waitFor(),
  },
  {
    name: "a campaign",
    path: ({ campaign }) => `campaigns/${campaign}`,
    ready: (page) => page.getByText("The statuses add up").waitFor(),
  },
  {
    name: "what people did with a campaign",
    path: ({ completed }) => `campaigns/${completed}?tab=engagement`,
    ready: (page) => page.getByRole("heading", { name: "Links", exact: true }).waitFor(),
  },
  {
    name: "the time of sending",
    path: () => "deliveries",
    act: (page) => page.getByRole("button", { name: "Sent", exact: true }).click(),
    ready: (page) => page.getByRole("button", { name: "Show this time" }).waitFor(),
  },
  {
    name: "the queue",
    path: () => "queue",
    ready: (page) => page.getByRole("rowheader").first().waitFor(),
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
    path: ({ notification, recipient }) => `notifications/${notification}?of=${recipient}`,
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
    path: ({ waiting }) => `deliveries/${waiting}`,
    ready: (page) => page.locator("iframe").waitFor(),
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
    path: ({ campaign }) => `campaigns/${campaign}`,
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
    path: ({ campaign }) => `campaigns/${campaign}?tab=revisions`,
    ready: (page) => page.getByRole("cell", { name: "First API key" }).waitFor(),
  },
  {
    name: "the recall of a campaign",
    path: ({ campaign }) => `campaigns/${campaign}?tab=recall`,
    act: (page) => page.getByRole("button", { name: "Recall…" }).click(),
    ready: (page) => page.getByLabel("Reason").waitFor(),
  },
  {
    name: "the correction of a campaign",
    path: ({ completed }) => `campaigns/${completed}?tab=recall`,
    ready: (page) => page.getByLabel("Data").waitFor(),
  },
  {
    name: "the audit trail of a campaign",
    path: ({ campaign }) => `campaigns/${campaign}?tab=audit`,
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
    path: ({ draft }) => `campaigns/${draft}/edit`,
    ready: async (page) => {
      await page.locator("#review li", { hasText: "Reachable" }).waitFor();
      await page.frameLocator("iframe").locator("p").first().waitFor();
    },
  },
  {
    name: "the start of a campaign",
    path: ({ draft }) => `campaigns/${draft}/edit`,
    act: (page) => page.getByRole("button", { name: "Start…" }).click(),
    ready: (page) => page.getByRole("button", { name: /^Start for [1-9]/ }).waitFor(),
  },
  {
    name: "the edit of a running campaign",
    path: ({ campaign }) => `campaigns/${campaign}/edit`,
    act: async (page) => {
      await page.getByLabel("Order").fill("B-2");
      await page.getByRole("button", { name: "Apply the changes…" }).click();
    },
    ready: (page) => page.getByText("Who gets what").waitFor(),
  },
  {
    name: "the topics",
    path: () => "topics",
    ready: (page) => page.getByRole("link", { name: "Newsletter" }).waitFor(),
  },
  {
    name: "no archived topics",
    path: () => "topics?archived=true",
    ready: (page) => page.getByText("No topics match").waitFor(),
  },
  {
    name: "a new topic",
    path: () => "topics",
    act: (page) => page.getByRole("button", { name: "New topic" }).click(),
    ready: (page) => page.getByLabel("Names for recipients").waitFor(),
  },
  {
    name: "a topic",
    path: () => "topics/newsletter",
    ready: (page) => page.getByRole("link", { name: "u1", exact: true }).waitFor(),
  },
  {
    name: "the consent of a subscriber",
    path: ({ recipient }) => `topics/newsletter?consent=${recipient}`,
    ready: (page) => page.getByText("Subscribed at once").waitFor(),
  },
];
