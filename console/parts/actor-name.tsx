import { useQuery } from "@tanstack/react-query";
import { actorQuery } from "../api/actors.ts";
import { shortenId } from "./short-id.tsx";

/**
 * Who made a change, by the id in `createdBy` or in the audit trail; null if that is not known. The tooltip has the id, which is also shown
 * until the name is known.
 */
export function ActorName({ id }: { id: string | null }) {
  return id === null ? <span className="muted">not known</span> : <Name id={id} />;
}

function Name({ id }: { id: string }) {
  const { data } = useQuery(actorQuery(id));
  return (
    <span className={data ? undefined : "mono"} title={id}>
      {data?.name ?? shortenId(id)}
    </span>
  );
}
