import { afterAll, describe, expect, it } from "vitest";
import { parseSubnet } from "../../lib/outbound/addresses.ts";
import { makeKey } from "../api/harness.ts";
import { populate } from "../api/populated.ts";
import { useConsole } from "../support/console-pages.ts";
import { startOpenIdIssuer } from "../support/openid-issuer.ts";
import { patience } from "../support/patience.ts";

const until = expect.poll;
let issuer: Awaited<ReturnType<typeof startOpenIdIssuer>>;

const world = useConsole(
  async (api) => void (await populate(api)),
  async (origin) => {
    const redirectUri = `${origin}/v1/session/oidc/callback`;
    issuer = await startOpenIdIssuer({ id: "tidings", secret: "a secret", redirectUri });
    return {
      openId: {
        issuer: issuer.url,
        clientId: "tidings",
        clientSecret: "a secret",
        scopes: "openid",
        groupsClaim: "groups",
        roles: [{ group: "ops", role: "admin" }],
        redirectUri,
      },
      endpoints: {
        pushServices: [],
        privateSubnets: [parseSubnet("127.0.0.0/8")!],
        ports: [Number(new URL(issuer.url).port)],
      },
    };
  },
);
afterAll(() => issuer?.stop());

/** Lets the provider answer for a person who has just proved who they are. */
function beAt(sub: string, name: string): void {
  const claims = { name, groups: ["ops"], auth_time: Math.floor(Date.now() / 1_000) };
  issuer.state.person = { sub, claims };
}
const everybody = "Sign in with your organisation";

describe("signing in", () => {
  it("refuses a wrong key, and keeps the address that was asked for", async () => {
    const page = await world.visit("deliveries?status=failed");
    await page.getByLabel("API key").fill("a-wrong-key-of-24-characters");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByText("This key or link is not valid").waitFor();
    await world.signIn(page, world.adminKey);
    await page.getByRole("heading", { name: "Deliveries" }).waitFor();
    expect(new URL(page.url()).search).toBe("?status=failed");
  });

  it("takes the code of a link, which stays in no address and no storage", async () => {
    const { code } = (await world.api.send("POST", "/v1/sign-in-codes")).body;
    const page = await world.visit(`campaigns#code=${code}`);
    await page.getByRole("heading", { name: "Campaigns" }).waitFor();
    expect(page.url()).not.toContain(code);
    expect(
      await page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, history.state])",
      ),
    ).not.toContain(code);
  });

  it("begins at the organisation’s button, and a proof is given in another tab while the page waits", async () => {
    world.allow(issuer.url);
    issuer.state.person = { sub: "ada", claims: { name: "Ada L.", groups: ["ops"] } };
    const page = await world.visit("audit");
    await page.getByRole("link", { name: everybody }).click();
    await page.getByRole("button", { name: "Signed in as Ada L." }).waitFor();
    await page.goto(`${world.url}settings?tab=keys`);
    await page.getByRole("button", { name: "Create a key" }).click();
    await page.getByLabel("Name").fill("made with a proof");
    await page.getByRole("button", { name: "Create the key" }).click();
    const proof = page.getByRole("dialog", { name: "Confirm that it is you" });
    beAt("ada", "Ada L.");
    const [tab] = await Promise.all([
      page.context().waitForEvent("page"),
      proof.getByRole("link", { name: "Confirm with your organisation" }).click(),
    ]);
    await tab.getByText("You have confirmed that it is you").waitFor();
    await page.getByRole("dialog", { name: "The secret of made with a proof" }).waitFor();
  });

  it("ends by signing out", async () => {
    const page = await world.open("queue");
    await page.getByRole("button", { name: "Signed in as Ada Admin" }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
  });
});

describe("a session that ends", () => {
  const ended = { name: "Your session has ended" };

  it("asks again, over the page as it is", async () => {
    const page = await world.open("deliveries");
    const field = page.getByLabel("Filter by a type");
    await field.fill("half a ty");
    await world.endSession(page);
    // The end of the stream may have shown the dialog already, which covers the button.
    await page.getByRole("button", { name: "Newest first" }).dispatchEvent("click");
    const dialog = page.getByRole("dialog", ended);
    await dialog.waitFor();
    expect(await field.inputValue()).toBe("half a ty");
    await page.keyboard.press("Escape");
    expect(await dialog.isVisible()).toBe(true);
    await world.signIn(page, world.adminKey);
    await dialog.waitFor({ state: "detached" });
    await page.locator("tbody tr[id]").first().waitFor();
    expect(await field.inputValue()).toBe("half a ty");
  });

  it("keeps the form that is being filled in, which is saved after signing in again", async () => {
    const page = await world.open("routing/urgent-by-push");
    const name = page.getByLabel("Name", { exact: true });
    await name.fill("Half typed");
    await world.endSession(page);
    await page.getByRole("button", { name: "Save", exact: true }).dispatchEvent("click");
    const dialog = page.getByRole("dialog", ended);
    await dialog.getByText("Sign in again as Ada Admin").waitFor();
    await world.signIn(page, world.adminKey);
    await dialog.waitFor({ state: "detached" });
    expect(await name.inputValue()).toBe("Half typed");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved as version 2.").waitFor();
    const { body } = await world.api.send("GET", "/v1/routing-rules/urgent-by-push");
    expect(body.name).toBe("Half typed");
  });

  it("keeps the text of a template and a dialog that is open, also if the provider is in another tab", async () => {
    world.allow(issuer.url);
    beAt("ada", "Ada L.");
    const page = await world.visit("");
    await page.getByRole("link", { name: everybody }).click();
    await page.getByRole("button", { name: "Signed in as Ada L." }).waitFor();
    await page.goto(`${world.url}templates/plain`);
    const html = page.getByRole("textbox", { name: /^HTML/ });
    await html.click();
    await page.keyboard.press("Control+End");
    await page.keyboard.type("<p>Precious</p>");
    await world.endSession(page);
    await page.keyboard.press("Control+s");
    const dialog = page.getByRole("dialog", ended);
    await dialog.waitFor();
    const [tab] = await Promise.all([
      page.context().waitForEvent("page"),
      dialog.getByRole("link", { name: everybody }).click(),
    ]);
    await tab.getByRole("button", { name: "Signed in as Ada L." }).waitFor();
    await dialog.waitFor({ state: "detached" });
    await until(() => html.textContent(), patience).toContain("Precious");
    await page.keyboard.press("Control+s");
    await page.getByText("Saved as version 2").waitFor();
  });

  it("keeps a campaign that is being built, and saves it by itself", async () => {
    const { body } = await world.api.send("GET", "/v1/campaigns?status=draft&limit=1");
    const { id } = body.items[0];
    const page = await world.open(`campaigns/${id}/edit`);
    const name = page.getByRole("textbox", { name: "Name", exact: true });
    let hasEnded = () => {};
    const end = new Promise<void>((resolve) => (hasEnded = resolve));
    await page.route(`**/v1/campaigns/${id}`, async (route) => {
      if (route.request().method() === "PATCH") await end;
      await route.continue();
    });
    await name.fill("Built in two sessions");
    await world.endSession(page);
    hasEnded();
    await page.getByRole("dialog", ended).waitFor();
    await world.signIn(page, world.adminKey);
    await until(
      async () => (await world.api.send("GET", `/v1/campaigns/${id}`)).body.name,
      patience,
    ).toBe("Built in two sessions");
    expect(await name.inputValue()).toBe("Built in two sessions");
  });

  it("shows another person nothing of what the first one has read or typed", async () => {
    const other = await makeKey(world.api, { name: "Otto Other", role: "viewer" });
    const page = await world.open("routing/pro-by-push");
    const name = page.getByLabel("Name", { exact: true });
    await name.fill("Ada’s secret plan");
    await world.endSession(page);
    await page.getByRole("button", { name: "Save", exact: true }).dispatchEvent("click");
    await page.getByRole("dialog", ended).waitFor();
    await world.signIn(page, other.secret);
    await page.getByRole("button", { name: "Signed in as Otto Other" }).waitFor();
    await until(() => name.inputValue(), patience).toBe("pro-by-push");
    expect(await page.content()).not.toContain("secret plan");
  });
});

describe("operators", () => {
  it("are listed with their sessions, which end together after a proof", async () => {
    world.allow(issuer.url);
    beAt("grace", "Grace H.");
    const other = await world.visit("settings?tab=operators");
    await other.getByRole("link", { name: everybody }).click();
    await other.getByRole("button", { name: "Signed in as Grace H." }).waitFor();

    const page = await world.open("settings?tab=operators&state=signed-in");
    const row = page.getByRole("row", { name: /Grace H\./ });
    expect(await row.getByRole("cell").allTextContents()).toEqual(
      expect.arrayContaining(["Admin", issuer.url.replace("http://", ""), "1"]),
    );
    await world.forgetProof(page);
    await row.getByRole("button", { name: "End the sessions of Grace H." }).click();
    await page
      .getByRole("dialog", { name: "End the sessions of Grace H." })
      .getByRole("button", { name: "End the sessions" })
      .click();
    const proof = page.getByRole("dialog", { name: "Confirm that it is you" });
    await proof.getByLabel("API key of Ada Admin").fill(world.adminKey);
    await proof.getByRole("button", { name: "Confirm" }).click();
    await page.getByText("The sessions of Grace H. are ended.").waitFor();
    await row.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Not signed in" }).click();
    await row.waitFor();
    const end = row.getByRole("button", { name: "End the sessions of Grace H." });
    expect(await end.isDisabled()).toBe(true);
    await until(async () => {
      await other.reload();
      return other.getByLabel("API key").isVisible();
    }, patience).toBe(true);
  });
});
