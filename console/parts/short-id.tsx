/** Shortens a public id to its prefix and its end, which differs most between neighbours. */
export const shortenId = (id: string) => id.replace(/_.*(.{6})$/, "_…$1");

/** Whether a text has the form of a public id, as opposed to a key. */
export const isPublicId = (text: string) => /^[a-z]{3}_[0-7][0-9a-z]{25}$/.test(text);

/** A public id in short. The tooltip has the whole id. */
export const ShortId = ({ id }: { id: string }) => (
  <span className="mono" title={id}>
    {shortenId(id)}
  </span>
);
