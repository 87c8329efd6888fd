import { useQuery } from "@tanstack/react-query";
import { actorQuery } from "../api/actors.ts";
import { ShortId } from "./short-id.tsx";

/** Who made a change, by the id in `createdBy` or in the audit trail. The tooltip has the id, which is also shown until the name is known. */
export function ActorName({ id }: { id: string }) {
  const { data } = useQuery(actorQuery(id));
  return data ? <span title={id}>{data.name}</span> : <ShortId id={id} />;
}
