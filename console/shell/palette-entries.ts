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
import { placeOfId, placesOfText } from "./palette-places.ts";
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
  rule: { word: "Routing rule", icon: "right" },
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
    act: actOf(found, go),
  };
}

/** Goes to what was found. What has no screen yet is in the reference of the API. */
function actOf({ kind, reference }: Found, go: (to: NavigateOptions) => () => void): () => void {
  switch (kind) {
    case "campaign":
    case "recipient":
      return go(placeOfId(reference)!.to);
    case "template":
      return go({ to: "/templates" });
    case "segment":
      return () => location.assign("/docs#/segments");
    case "type":
      return () => location.assign("/docs#/notification-types");
    case "rule":
      return () => location.assign("/docs#/routing-rules");
  }
}
