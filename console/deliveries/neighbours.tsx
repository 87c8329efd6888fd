import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { IconButton } from "../parts/button.tsx";
import { useShortcuts } from "../shell/shortcuts.ts";
import type { Delivery } from "./queries.ts";

/**
 * Leads to the deliveries before and after this one in the list that was read last and has it, also with the keys `[` and `]`. A delivery
 * that was not opened from a list has none.
 */
export function Neighbours({ id }: { id: string }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const lists = client
    .getQueryCache()
    .findAll({ queryKey: ["deliveries"] })
    .flatMap(({ state }) => {
      const items = (state.data as { items?: Delivery[] } | undefined)?.items;
      return items?.some((one) => one.id === id) ? [{ items, at: state.dataUpdatedAt }] : [];
    })
    .sort((one, other) => other.at - one.at);
  const items = lists[0]?.items ?? [];
  const place = items.findIndex((one) => one.id === id);
  const [before, after] = place < 0 ? [] : [items[place - 1], items[place + 1]];
  const go = (to: Delivery | undefined) => {
    if (to) void navigate({ to: "/deliveries/$id", params: { id: to.id } });
  };
  useShortcuts({ "[": () => go(before), "]": () => go(after) });
  if (items.length < 2) return null;
  return (
    <>
      <IconButton
        icon="left"
        label="Previous in the list ([)"
        disabled={!before}
        onClick={() => go(before)}
      />
      <IconButton
        icon="right"
        label="Next in the list (])"
        disabled={!after}
        onClick={() => go(after)}
      />
    </>
  );
}
