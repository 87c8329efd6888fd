import type { IconName } from "../parts/icon.tsx";
import { screens } from "./screens.ts";

type Screen = (typeof screens)[number];

/** A place of the rail that has no screen yet: it leads to its part of the API's reference. */
interface Later {
  name: string;
  href: string;
}

/** The groups of the rail with the names of their screens, in their order. What is in none of them is shown in the last one. */
const order = [
  ["Send", ["Overview", "Campaigns", "Notifications", "Deliveries", "Queue"]],
  ["People", ["Recipients", "Topics", "Segments"]],
  ["Content", ["Templates"]],
  ["Rules", ["Types", "Policy", "Routing", "Suppressions"]],
  ["Operate", ["Providers", "Health", "Analytics", "Data", "Audit", "Settings"]],
] as const;

const later: readonly Later[] = [
  { name: "Segments", href: "/docs#/segments" },
  { name: "Types", href: "/docs#/notification-types" },
  { name: "Policy", href: "/docs#/policy" },
  { name: "Suppressions", href: "/docs#/suppressions" },
  { name: "Data", href: "/docs#/recipients" },
];

export interface RailGroup {
  name: string;
  places: readonly (Screen | Later)[];
}

/** Arranges screens in groups. */
export function arrange(all: readonly Screen[]): RailGroup[] {
  const known = new Set<string>(order.flatMap(([, names]) => names));
  const others = all.filter(({ name }) => !known.has(name));
  return order.map(([name, names], index) => ({
    name,
    places: [
      ...names.flatMap((each): (Screen | Later)[] => {
        const place =
          all.find((screen) => screen.name === each) ?? later.find((one) => one.name === each);
        return place ? [place] : [];
      }),
      ...(index === order.length - 1 ? others : []),
    ],
  }));
}

export const railGroups = arrange(screens);

/** The icons of places that have no screen yet. */
export const laterIcon: IconName = "external";
