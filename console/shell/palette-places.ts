import type { NavigateOptions } from "@tanstack/react-router";
import type { IconName } from "../parts/icon.tsx";

/** Somewhere that an id leads to. */
interface Place {
  name: string;
  icon: IconName;
  to: NavigateOptions;
}

const idPattern = /^([a-z]{3})_[0-7][0-9a-hjkmnp-tv-z]{25}$/;
const requestPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Where a public id leads to; null if its kind has neither a page nor a list. */
export function placeOfId(id: string): Place | null {
  switch (idPattern.exec(id)?.[1] ?? "") {
    case "dlv":
      return {
        name: "Open this delivery",
        icon: "deliveries",
        to: { to: "/deliveries/$id", params: { id } },
      };
    case "cmp":
      return {
        name: "Open this campaign",
        icon: "campaigns",
        to: { to: "/campaigns/$id", params: { id } },
      };
    case "ntf":
      return listed("Deliveries of this notification", { source: id });
    case "rcp":
      return listed("Deliveries to this recipient", { recipient: id });
    case "grp":
      return listed("Deliveries of this batch or digest", { group: id });
    default:
      return null;
  }
}

/** Where an id that was typed leads to, the best place first; nothing if the text is none. */
export function placesOfText(text: string, { isAdmin }: { isAdmin: boolean }): Place[] {
  const prefix = idPattern.exec(text)?.[1];
  const place = placeOfId(text);
  const places = place ? [place] : [];
  if (prefix === "dlv")
    places.push({
      name: "Why was this delivery sent, or not?",
      icon: "question",
      to: { to: "/deliveries", search: { why: text } },
    });
  if (!isAdmin) return places;
  if (prefix === "key" || prefix === "opr")
    places.push(audited("What this person or service has changed", { actor: text }));
  else if (prefix === "aud") places.push(audited("The audit trail", {}));
  else if (prefix !== undefined) places.push(audited("What was changed here", { resource: text }));
  else if (requestPattern.test(text))
    places.push(audited("What this request has changed", { request: text }));
  return places;
}

const listed = (name: string, search: Record<string, string>): Place => ({
  name,
  icon: "deliveries",
  to: { to: "/deliveries", search },
});

const audited = (name: string, search: Record<string, string>): Place => ({
  name,
  icon: "audit",
  to: { to: "/audit", search },
});
