import type { Place } from "./console-places.ts";

/** Places of all other screens: the overview, recipients, templates, rules, operation and settings. */
export const placesOfSettings: readonly Place[] = [
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
    name: "the numbers by campaign, without the period before",
    path: () => "analytics?by=campaigns&compare=off&hours=handedOver&cohorts=clicked",
    ready: (page) =>
      page
        .getByRole("region", { name: "Send times" })
        .getByRole("table")
        .or(page.getByText("No message was handed over"))
        .first()
        .waitFor(),
  },
  {
    name: "the analytics",
    path: () => "analytics",
    ready: (page) => page.getByRole("region", { name: "Outcomes over time" }).waitFor(),
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
    act: async (page, { forgetProof }) => {
      await forgetProof(page);
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
    name: "the webhooks",
    path: () => "settings?tab=webhooks",
    ready: (page) => page.getByRole("link", { name: "billing service" }).waitFor(),
  },
  {
    name: "a webhook that is off, with its requests",
    path: ({ endpoint }) => `settings?tab=webhooks&endpoint=${endpoint}`,
    ready: (page) => page.getByText("Service unavailable").waitFor(),
  },
  {
    name: "creating a webhook",
    path: () => "settings?tab=webhooks",
    act: async (page) => {
      await page.getByRole("button", { name: "Create a webhook" }).click();
      await page.getByText("Only for some messages").click();
    },
    ready: (page) => page.getByLabel("Notification types").waitFor(),
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
    name: "the recipients",
    path: () => "recipients",
    ready: (page) => page.locator("tbody tr[id]").first().waitFor(),
  },
  {
    name: "the timeline of a recipient",
    path: ({ recipient }) => `recipients/${recipient}?past=14`,
    act: (page) => page.getByRole("button", { name: "What happens?" }).click(),
    ready: (page) => page.getByRole("button", { name: "Remove it from the picture" }).waitFor(),
  },
  {
    name: "the preferences of a recipient",
    path: ({ recipient }) => `recipients/${recipient}?tab=preferences`,
    ready: (page) => page.getByRole("table", { name: "Preferences in force" }).waitFor(),
  },
  {
    name: "a preference in its dialog",
    path: ({ recipient }) => `recipients/${recipient}?tab=preferences`,
    act: (page) =>
      page.getByRole("button", { name: "Change: Do not disturb", exact: true }).click(),
    ready: (page) => page.getByRole("button", { name: "Add a period" }).waitFor(),
  },
  {
    name: "the deliveries of a recipient",
    path: ({ recipient }) => `recipients/${recipient}?tab=deliveries`,
    ready: (page) => page.locator("tbody tr[id]").first().waitFor(),
  },
  {
    name: "the topics of a recipient",
    path: ({ recipient }) => `recipients/${recipient}?tab=topics`,
    ready: (page) => page.getByRole("table", { name: "Topics of the recipient" }).waitFor(),
  },
  {
    name: "the devices of a recipient",
    path: ({ recipient }) => `recipients/${recipient}?tab=devices`,
    ready: (page) => page.getByRole("heading", { name: "Devices", exact: true }).waitFor(),
  },
  {
    name: "the events of a recipient",
    path: ({ recipient }) => `recipients/${recipient}?tab=events`,
    ready: (page) => page.getByRole("heading", { name: "Events" }).waitFor(),
  },
  {
    name: "the profile of a recipient in its form",
    path: ({ recipient }) => `recipients/${recipient}?tab=profile`,
    act: (page) => page.getByRole("button", { name: "Edit" }).click(),
    ready: (page) => page.getByRole("heading", { name: "Edit the profile" }).waitFor(),
  },
  {
    name: "the token of a recipient",
    path: ({ recipient }) => `recipients/${recipient}?tab=erase`,
    act: (page) => page.getByRole("button", { name: "Preference link" }).click(),
    ready: (page) => page.getByRole("button", { name: "Create a token" }).waitFor(),
  },
  {
    name: "no templates",
    path: () => "templates?q=nothing-has-this-name",
    ready: (page) => page.getByText("No templates match").waitFor(),
  },
  {
    name: "a template, with an error at its line",
    path: () => "templates/order-shipped",
    act: async (page) => {
      await page.getByRole("textbox", { name: /^HTML/ }).click();
      await page.keyboard.type("{% if %}");
    },
    ready: (page) => page.getByRole("button", { name: "Line 1" }).waitFor(),
  },
  {
    name: "the completion of a template’s variables",
    path: () => "templates/order-shipped?width=phone&scheme=dark",
    act: async (page) => {
      await page.getByRole("textbox", { name: /^HTML/ }).click();
      await page.keyboard.type("{{ rec");
    },
    ready: (page) => page.getByRole("option", { name: "recipient" }).waitFor(),
  },
  {
    name: "a template’s push notification and the choice of a recipient",
    path: () => "templates/order-shipped?channel=push",
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
    path: () => "templates/order-shipped",
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
