import { Link } from "@tanstack/react-router";
import { anyPrefixOf, linkOfId } from "../shell/places.ts";

/** Shortens a public id to its prefix and its end, which differs most between neighbours. */
export const shortenId = (id: string) => id.replace(/_.*(.{6})$/, "_…$1");

/** Whether a text has the form of a public id, as opposed to a key. */
export const isPublicId = (text: string) => anyPrefixOf(text) !== undefined;

interface ShortIdProps {
  id: string;
  /** −1 in a row whose keys already lead there. */
  tabIndex?: -1;
}

/** A public id in short, which leads to the page of what it names, if that has one. The tooltip has the whole id. */
export function ShortId({ id, tabIndex }: ShortIdProps) {
  const link = linkOfId(id);
  const props = { className: "mono", title: id };
  return link ? (
    <Link {...link} {...props} tabIndex={tabIndex}>
      {shortenId(id)}
    </Link>
  ) : (
    <span {...props}>{shortenId(id)}</span>
  );
}
