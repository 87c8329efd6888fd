import type { LinkProps } from "@tanstack/react-router";

const idPattern = /^([a-z]{3})_[0-7][0-9a-hjkmnp-tv-z]{25}$/;

/** Returns the prefix of any public id; undefined if the text is none. */
export const anyPrefixOf = (text: string): string | undefined => idPattern.exec(text)?.[1];

/** Returns the link to the page of a public id, or to the list that has it; null if its kind has neither. */
export function linkOfId(id: string): LinkProps | null {
  switch (anyPrefixOf(id) ?? "") {
    case "dlv":
      return { to: "/deliveries/$id", params: { id } };
    case "cmp":
      return { to: "/campaigns/$id", params: { id } };
    case "ntf":
      return { to: "/notifications/$id", params: { id } };
    case "rcp":
      return { to: "/recipients/$id", params: { id } };
    case "grp":
      return { to: "/deliveries", search: { group: id } };
    case "aud":
      return { to: "/audit", search: { entry: id } };
    case "key":
      return { to: "/settings", search: { tab: "keys" } };
    case "ses":
      return { to: "/settings", search: { tab: "sessions" } };
    case "opr":
      return { to: "/settings", search: { tab: "operators" } };
    case "whe":
      return { to: "/settings", search: { tab: "webhooks", endpoint: id } };
    case "viw":
      return { to: "/settings", search: { tab: "views" } };
    default:
      return null;
  }
}

/** Returns the link to a resource that the audit trail names by its id or key. `action` begins with its kind, such as `template.create`. */
export function linkOfResource(action: string, resource: string): LinkProps | null {
  const [kind = ""] = action.split(".");
  switch (kind) {
    case "template":
      return { to: "/templates/$key", params: { key: resource } };
    case "topic":
      return linkOfId(resource) ?? { to: "/topics/$key", params: { key: resource } };
    case "layout":
      return { to: "/layouts/$key", params: { key: resource } };
    case "routing-rule":
      return resource === "routing-rules"
        ? { to: "/routing" }
        : { to: "/routing/$key", params: { key: resource } };
    default:
      return linkOfId(resource);
  }
}
