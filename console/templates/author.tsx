import { ShortId } from "../parts/short-id.tsx";

/** Who made a version. */
export function Author({ id }: { id: string | null }) {
  if (id === null) return <span className="muted">unknown</span>;
  return id === "bootstrap" ? <>the first key</> : <ShortId id={id} />;
}
