import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import CodeDiff from "../editor/code-diff.tsx";
import { Icon } from "../parts/icon.tsx";
import { Panel } from "../parts/page.tsx";
import { Empty, Failed, Loading } from "../parts/states.tsx";
import compare from "../templates/compare-panel.module.css";
import { type Layout, layoutVersionQuery } from "./queries.ts";

/** What differs between a version of a layout and the text that is edited. */
export default function LayoutComparison({
  layout,
  version,
  html,
  name,
}: {
  layout: Layout;
  version: number;
  html: string;
  name: string;
}) {
  const { data, error, refetch } = useQuery(layoutVersionQuery(layout.key, version));
  return (
    <>
      <p className={compare.back}>
        <Link from="/layouts/$key" to="." search={(before) => ({ ...before, compare: undefined })}>
          <Icon name="left" /> Back to the editor
        </Link>
      </p>
      <Panel title={`Version ${version} and ${name.toLowerCase()}`}>
        {data ? (
          data.html === html ? (
            <Empty icon="check" title="Nothing differs">
              Version {version} has the same HTML.
            </Empty>
          ) : (
            <CodeDiff
              before={{ label: `Version ${version}`, text: data.html }}
              after={{ label: name, text: html }}
              language="html"
            />
          )
        ) : error ? (
          <Failed what={`version ${version}`} error={error} retry={() => void refetch()} />
        ) : (
          <Loading what={`version ${version}`} />
        )}
      </Panel>
    </>
  );
}
