import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useCallback, useSyncExternalStore } from "react";
import { isTransient } from "./problem.ts";

/**
 * When the oldest of what is shown was read, in milliseconds since 1970, if the API has failed to answer since then; null if all that is
 * shown is up to date.
 */
export function findStaleSince(client: QueryClient): number | null {
  const stale = client
    .getQueryCache()
    .getAll()
    .filter(
      (query) =>
        query.isActive() &&
        query.state.data !== undefined &&
        query.state.error !== null &&
        isTransient(query.state.error),
    );
  return stale.length === 0 ? null : Math.min(...stale.map(({ state }) => state.dataUpdatedAt));
}

/** `findStaleSince`, as it changes. */
export function useStaleSince(): number | null {
  const client = useQueryClient();
  const subscribe = useCallback(
    (listener: () => void) => client.getQueryCache().subscribe(listener),
    [client],
  );
  return useSyncExternalStore(subscribe, () => findStaleSince(client));
}
