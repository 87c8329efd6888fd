import { Link } from "@tanstack/react-router";

interface TemplateLinkProps {
  template: { key: string; version: number };
  /** −1 in a row whose keys lead elsewhere. */
  tabIndex?: -1;
}

/** A version of a template, which leads to it in the editor. */
export const TemplateLink = ({ template: { key, version }, tabIndex }: TemplateLinkProps) => (
  <>
    <Link
      to="/templates/$key"
      params={{ key }}
      search={{ version: String(version) }}
      tabIndex={tabIndex}
    >
      {key}
    </Link>{" "}
    <span className="muted">v{version}</span>
  </>
);
