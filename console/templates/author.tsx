import { ShortId } from "../parts/short-id.tsx";

/** Who made a version. */
export function Author({ id }: { id: string | null }) {
  if (id === null) return <span className="muted">unknown</span>;
  return id === "bootstrap" ? <code>TIDINGS_API_KEY</code> : <ShortId id={id} />;
}
