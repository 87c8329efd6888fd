import type { NavigateOptions } from "@tanstack/react-router";
import type { IconName } from "../parts/icon.tsx";
import { anyPrefixOf, linkOfId } from "./places.ts";

/** Somewhere that an id leads to. */
interface Place {
  name: string;
  icon: IconName;
  to: NavigateOptions;
}

const requestPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What the pages and lists of ids are offered as. The audit trail is only offered to those who may read it. */
const offers: Partial<Record<string, Pick<Place, "name" | "icon">>> = {
  dlv: { name: "Open this delivery", icon: "deliveries" },
  cmp: { name: "Open this campaign", icon: "campaigns" },
  ntf: { name: "Open this notification", icon: "notifications" },
  rcp: { name: "Open this recipient", icon: "person" },
  grp: { name: "Deliveries of this batch or digest", icon: "deliveries" },
  key: { name: "API keys", icon: "settings" },
  ses: { name: "Sessions", icon: "settings" },
  opr: { name: "Operators", icon: "settings" },
  viw: { name: "Saved views", icon: "settings" },
};

/** Where an id that was typed leads to, the best place first; nothing if the text is none. */
export function placesOfText(text: string, { isAdmin }: { isAdmin: boolean }): Place[] {
  const prefix = anyPrefixOf(text);
  const offer = prefix === undefined ? undefined : offers[prefix];
  const places: Place[] = offer ? [{ ...offer, to: linkOfId(text)! }] : [];
  if (prefix === "dlv")
    places.push({
      name: "Why was this delivery sent, or not?",
      icon: "question",
      to: { to: "/deliveries", search: { why: text } },
    });
  if (!isAdmin) return places;
  if (prefix === "key" || prefix === "opr")
    places.push(audited("What this person or service has changed", { actor: text }));
  else if (prefix === "aud") places.push(audited("The audit trail", { entry: text }));
  else if (prefix !== undefined) places.push(audited("What was changed here", { resource: text }));
  else if (requestPattern.test(text))
    places.push(audited("What this request has changed", { request: text }));
  return places;
}

const audited = (name: string, search: Record<string, string>): Place => ({
  name,
  icon: "audit",
  to: { to: "/audit", search },
});
