/** Shortens a public id to its prefix and its end, which differs most between neighbours. */
export const shortenId = (id: string) => id.replace(/_.*(.{6})$/, "_…$1");

/** A public id in short. The tooltip has the whole id. */
export const ShortId = ({ id }: { id: string }) => (
  <span className="mono" title={id}>
    {shortenId(id)}
  </span>
);
