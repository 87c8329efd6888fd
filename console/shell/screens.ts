import type { IconName } from "../parts/icon.tsx";

/** The screens, in the order of the rail. `key` follows `g`. */
export const screens = [
  { to: "/", name: "Overview", icon: "overview", key: "o" },
  { to: "/campaigns", name: "Campaigns", icon: "campaigns", key: "c" },
  { to: "/notifications", name: "Notifications", icon: "notifications", key: "n" },
  { to: "/deliveries", name: "Deliveries", icon: "deliveries", key: "d" },
  { to: "/queue", name: "Queue", icon: "queue", key: "q" },
  { to: "/recipients", name: "Recipients", icon: "person", key: "r" },
  { to: "/topics", name: "Topics", icon: "topics", key: "l" },
  { to: "/templates", name: "Templates", icon: "templates", key: "t" },
  { to: "/audit", name: "Audit", icon: "audit", key: "a" },
  { to: "/settings", name: "Settings", icon: "settings", key: "s" },
  { to: "/routing", name: "Routing", icon: "routing", key: "u" },
  { to: "/providers", name: "Providers", icon: "providers", key: "p" },
  { to: "/health", name: "Health", icon: "health", key: "h" },
  { to: "/analytics", name: "Analytics", icon: "analytics", key: "y" },
] as const satisfies readonly { to: string; name: string; icon: IconName; key: string }[];
