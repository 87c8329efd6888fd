import type { Page } from "playwright-core";
import type { Shown } from "./seed.ts";

/** A screen of which pictures are taken. */
export interface Shot {
  name: string;
  path: (shown: Shown) => string;
  /** What is done before the picture. */
  act?: (page: Page) => Promise<unknown>;
  /** Whether the documentation shows it. */
  isInDocs?: true;
  /** Whether it shows one resource, which an empty installation does not have. */
  needsData?: true;
}

export const shots: readonly Shot[] = [
  { name: "overview", path: () => "/", isInDocs: true },
  { name: "campaigns", path: () => "/campaigns" },
  {
    name: "campaign",
    path: ({ campaign }) => `/campaigns/${campaign}`,
    isInDocs: true,
    needsData: true,
  },
  { name: "campaign-new", path: () => "/campaigns/new" },
  {
    name: "campaign-edit",
    path: ({ draft }) => `/campaigns/${draft}/edit`,
    isInDocs: true,
    needsData: true,
  },
  { name: "notifications", path: () => "/notifications" },
  {
    name: "notification",
    path: ({ notification }) => `/notifications/${notification}`,
    needsData: true,
  },
  { name: "deliveries", path: () => "/deliveries" },
  {
    name: "why",
    path: ({ delivery }) => `/deliveries?why=${delivery}`,
    isInDocs: true,
    needsData: true,
  },
  { name: "delivery", path: ({ delivery }) => `/deliveries/${delivery}`, needsData: true },
  { name: "queue", path: () => "/queue", isInDocs: true },
  { name: "recipients", path: () => "/recipients" },
  {
    name: "recipient",
    path: ({ recipient }) => `/recipients/${recipient}`,
    isInDocs: true,
    needsData: true,
  },
  { name: "templates", path: () => "/templates" },
  { name: "template", path: () => "/templates/weekly", isInDocs: true, needsData: true },
  { name: "routing", path: () => "/routing", isInDocs: true },
  { name: "providers", path: () => "/providers", isInDocs: true },
  { name: "health", path: () => "/health" },
  { name: "audit", path: () => "/audit" },
  { name: "settings", path: () => "/settings" },
];
