import { Link } from "@tanstack/react-router";
import { linkOfResource } from "../shell/places.ts";
import { isPublicId, shortenId } from "./short-id.tsx";

interface AuditedResourceProps {
  /** Begins with the kind of the resource, such as `template.create`. */
  action: string;
  resource: string;
}

/** What a change was made to, by its id or key. It leads to its page, if it has one. */
export function AuditedResource({ action, resource }: AuditedResourceProps) {
  const link = linkOfResource(action, resource);
  const text = isPublicId(resource) ? shortenId(resource) : resource;
  const props = { className: "mono", title: resource };
  return link ? (
    <Link {...link} {...props}>
      {text}
    </Link>
  ) : (
    <span {...props}>{text}</span>
  );
}
