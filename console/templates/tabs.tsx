import { Tabs } from "../parts/tabs.tsx";

/** The lists of templates and of the layouts that they share. */
export const TemplateTabs = ({ current }: { current: "templates" | "layouts" }) => (
  <Tabs
    label="Templates and layouts"
    tabs={[
      { name: "Templates", link: { to: "/templates" }, isCurrent: current === "templates" },
      { name: "Layouts", link: { to: "/layouts" }, isCurrent: current === "layouts" },
    ]}
  />
);
