import { useQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { Page } from "../parts/page.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import { templateQuery, versionQuery } from "./queries.ts";
import { TemplateEditor } from "./template-editor.tsx";

/** One template: its text, a preview of it, and its versions. */
export function TemplateScreen() {
  const { key } = useParams({ from: "/templates/$key" });
  return <OpenedTemplate key={key} name={key} />;
}

function OpenedTemplate({ name: key }: { name: string }) {
  const search = useSearch({ from: "/templates/$key" });
  const template = useQuery(templateQuery(key));
  // A version that somebody else saves later does not take the place of what is open.
  const [first, setFirst] = useState<number | null>(null);
  if (first === null && template.data)
    setFirst(Number(search.version ?? template.data.latestVersion));
  const version = useQuery({ ...versionQuery(key, first ?? 1), enabled: first !== null });
  if (template.data && version.data)
    return <TemplateEditor template={template.data} first={version.data} />;
  const failed = [template, version].find(({ error }) => error !== null);
  return (
    <Page up={{ to: "/templates", name: "Templates" }} title={key} documentTitle="Template">
      {failed ? (
        <Failed what="this template" error={failed.error} retry={() => void failed.refetch()} />
      ) : (
        <Loading what="the template" rows={10} />
      )}
    </Page>
  );
}
