import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "./client.ts";
import { answerOf } from "./problem.ts";

export type Actor = AnswerOf<typeof api.v1.actors.$get>["items"][number];

/** How long ids are collected before their names are asked for together, and how many fit into one request. */
const collectMs = 10;
const perRequest = 100;

type Wanted = {
  id: string;
  resolve: (actor: Actor | null) => void;
  reject: (error: unknown) => void;
};
let wanted: Wanted[] = [];

async function readWanted(): Promise<void> {
  const all = wanted;
  wanted = [];
  for (let from = 0; from < all.length; from += perRequest) {
    const part = all.slice(from, from + perRequest);
    try {
      const ids = part.map(({ id }) => id).join(",");
      const { items } = await answerOf(api.v1.actors.$get({ query: { ids } }));
      for (const { id, resolve } of part) resolve(items.find((actor) => actor.id === id) ?? null);
    } catch (error) {
      for (const { reject } of part) reject(error);
    }
  }
}

/** The author of a change; null if nobody has this id. Those that a page shows are read with one request. */
export const actorQuery = (id: string) =>
  queryOptions({
    queryKey: ["actor", id],
    queryFn: () =>
      new Promise<Actor | null>((resolve, reject) => {
        if (wanted.length === 0) setTimeout(() => void readWanted(), collectMs);
        wanted.push({ id, resolve, reject });
      }),
    staleTime: 300_000,
  });
