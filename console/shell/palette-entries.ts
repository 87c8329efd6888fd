import { useQuery } from "@tanstack/react-query";
import { type NavigateOptions, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { includesRole, useSession } from "../api/session.ts";
import type { IconName } from "../parts/icon.tsx";
import { showToast } from "../parts/toast.tsx";
import { settingsTabs, tabNames } from "../settings/search.ts";
import { linkOfView } from "../views/address.ts";
import { viewsQuery } from "../views/queries.ts";
import { listPaletteActions } from "./palette-actions.ts";
import { placesOfText } from "./palette-places.ts";
import { linkOfId } from "./places.ts";
import { type Found, searchQuery } from "./queries.ts";
import { rank } from "./ranking.ts";
import { screens } from "./screens.ts";
import { setTheme, themes } from "./theme.ts";

/** What the palette offers. */
export interface Entry {
  id: string;
  name: string;
  hint: string;
  icon: IconName;
  act: () => void;
}

/** What can be made, wherever one is, by those who have the role. */
const creations = [
  {
    name: "Notify",
    icon: "send",
    needs: "sender",
    to: { to: "/notifications", search: { notify: "new" } },
  },
  { name: "New campaign", icon: "campaigns", needs: "sender", to: { to: "/campaigns/new" } },
  { name: "New template", icon: "templates", needs: "sender", to: { to: "/templates/new" } },
  { name: "New layout", icon: "templates", needs: "sender", to: { to: "/layouts/new" } },
  { name: "New routing rule", icon: "routing", needs: "admin", to: { to: "/routing/new" } },
] as const satisfies {
  name: string;
  icon: IconName;
  needs: "sender" | "admin";
  to: NavigateOptions;
}[];

interface Options {
  typed: string;
  /** What has been typed some moments ago: that is what the API is searched for. */
  searched: string;
  onSaveView: () => void;
}

/** Lists what the palette offers for a text, the best first. */
export function useEntries({ typed, searched, onSaveView }: Options): Entry[] {
  const navigate = useNavigate();
  const { role } = useSession();
  const go = (to: NavigateOptions) => () => void navigate(to);
  const found = useQuery(searchQuery(searched)).data ?? [];
  const views = useQuery(viewsQuery).data ?? [];
  // What the page offered when the palette was opened.
  const [offered] = useState(listPaletteActions);
  const text = typed.trim();
  const places = placesOfText(text, { isAdmin: includesRole(role, "admin") });
  if (places.length > 0)
    return places.map(({ name, icon, to }) => ({ id: name, name, hint: text, icon, act: go(to) }));

  const actions: Entry[] = [
    ...offered.map(({ name, icon, act }) => ({
      id: `action-${name}`,
      name,
      hint: "This page",
      icon,
      act,
    })),
    ...screens.map(({ to, name, icon, key }): Entry => ({
      id: to,
      name,
      hint: `g ${key}`,
      icon,
      act: go({ to }),
    })),
    ...views.map(({ id, name, path }): Entry => ({
      id,
      name,
      hint: "View",
      icon: "star",
      act: go(linkOfView(path)),
    })),
    {
      id: "failed",
      name: "Failed deliveries",
      hint: "Deliveries",
      icon: "cross",
      act: go({ to: "/deliveries", search: { status: ["failed"] } }),
    },
    {
      id: "suppressed",
      name: "Deliveries not sent, by a rule",
      hint: "Deliveries",
      icon: "shield",
      act: go({ to: "/deliveries", search: { status: ["suppressed"] } }),
    },
    ...creations
      .filter(({ needs }) => includesRole(role, needs))
      .map(({ name, icon, to }): Entry => ({ id: name, name, hint: "Action", icon, act: go(to) })),
    { id: "save", name: "Save this view", hint: "Action", icon: "star", act: onSaveView },
    {
      id: "copy",
      name: "Copy the address of this page",
      hint: "Action",
      icon: "copy",
      act: () =>
        void navigator.clipboard
          .writeText(location.href)
          .then(() => showToast("The address of this page is in the clipboard.")),
    },
    ...settingsTabs.map((tab): Entry => ({
      id: `settings-${tab}`,
      name: tabNames[tab],
      hint: "Settings",
      icon: "settings",
      act: go({ to: "/settings", search: { tab } }),
    })),
    ...themes.map((theme): Entry => ({
      id: `theme-${theme}`,
      name: `Theme: ${theme}`,
      hint: "Action",
      icon: theme === "dark" ? "moon" : theme === "light" ? "sun" : "screen",
      act: () => setTheme(theme),
    })),
  ];
  const results = text === searched ? found.map((each) => toEntry(each, go)) : [];
  return [...rank(actions, text), ...results];
}

const kindWords: Record<Found["kind"], { word: string; icon: IconName }> = {
  campaign: { word: "Campaign", icon: "campaigns" },
  template: { word: "Template", icon: "templates" },
  segment: { word: "Segment", icon: "person" },
  type: { word: "Type", icon: "sort" },
  rule: { word: "Routing rule", icon: "routing" },
  recipient: { word: "Recipient", icon: "person" },
};

function toEntry(found: Found, go: (to: NavigateOptions) => () => void): Entry {
  const { kind, reference, name, status } = found;
  const { word, icon } = kindWords[kind];
  return {
    id: `${kind}-${reference}`,
    name,
    hint: status === null ? word : `${word}, ${status}`,
    icon,
    act: go(placeOf(found)),
  };
}

/** Where something that was found is shown: on its page, or in a list of what has to do with it. */
function placeOf({ kind, reference }: Found): NavigateOptions {
  switch (kind) {
    case "campaign":
    case "recipient":
      return linkOfId(reference)!;
    case "template":
      return { to: "/templates/$key", params: { key: reference } };
    case "rule":
      return { to: "/routing/$key", params: { key: reference } };
    case "segment":
      return { to: "/recipients", search: { segment: reference } };
    case "type":
      return { to: "/notifications", search: { type: reference } };
  }
}
