import { useSearch } from "@tanstack/react-router";
import { includesRole, useSession } from "../api/session.ts";
import { Page, Panel } from "../parts/page.tsx";
import { Empty } from "../parts/states.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { AboutTab } from "./about-tab.tsx";
import { AppearanceTab } from "./appearance-tab.tsx";
import { KeysTab } from "./keys-tab.tsx";
import { OperatorsTab } from "./operators-tab.tsx";
import { type SettingsTab, settingsTabs, tabNames } from "./search.ts";
import { SessionsTab } from "./sessions-tab.tsx";
import { WebhooksTab } from "./webhooks-tab.tsx";
import { ViewsTab } from "./views-tab.tsx";

const contents: Record<SettingsTab, () => React.ReactNode> = {
  keys: KeysTab,
  sessions: SessionsTab,
  operators: OperatorsTab,
  webhooks: WebhooksTab,
  views: ViewsTab,
  appearance: AppearanceTab,
  about: AboutTab,
};

/** What the tabs have that only admins may read. */
const adminContents: Partial<Record<SettingsTab, string>> = {
  keys: "API keys",
  sessions: "the sessions of others",
  operators: "the operators",
  webhooks: "the webhooks",
};

/** Who has access, and how the console looks for the person who uses it. */
export function SettingsScreen() {
  const { role } = useSession();
  const isAdmin = includesRole(role, "admin");
  const { tab = isAdmin ? "keys" : "views" } = useSearch({ from: "/settings" });
  const Content = contents[tab];
  const adminContent = adminContents[tab];
  return (
    <Page title="Settings" documentTitle={`${tabNames[tab]} · Settings`}>
      <Tabs
        label="Settings"
        tabs={settingsTabs.map((each) => ({
          name: tabNames[each],
          link: { to: "/settings", search: { tab: each } },
          isCurrent: each === tab,
        }))}
      />
      {isAdmin || adminContent === undefined ? (
        <Content />
      ) : (
        <Panel>
          <Empty icon="shield" title={`Your role does not include ${adminContent}`}>
            They are about access to Tidings, and need the role admin. You have the role {role}.
          </Empty>
        </Panel>
      )}
    </Page>
  );
}
