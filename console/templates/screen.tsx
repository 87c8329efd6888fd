import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useRef, useState } from "react";
import type { CampaignStatus } from "../../domain/campaign.ts";
import { Button } from "../parts/button.tsx";
import { Filters } from "../parts/filters.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { List } from "../parts/list.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { useRowKeys } from "../parts/row-keys.ts";
import { SearchField } from "../parts/search-field.tsx";
import { Empty, FilteredToNothing } from "../parts/states.tsx";
import { Chip } from "../parts/status-chip.tsx";
import table from "../parts/table.module.css";
import { showToast } from "../parts/toast.tsx";
import { useShortcuts } from "../shell/shortcuts.ts";
import { formatCount } from "../words/numbers.ts";
import { setArchived } from "./actions.ts";
import { DuplicateDialog } from "./duplicate-dialog.tsx";
import { Segments } from "../parts/segments.tsx";
import { type TemplateSummary, templatesQuery } from "./queries.ts";
import { templatesQueryOf } from "./search.ts";
import { TemplateTabs } from "./tabs.tsx";

/** The statuses of campaigns that have not ended. */
const unended = ["draft", "scheduled", "running", "paused"] as const satisfies CampaignStatus[];

/** The templates, the newest first. */
export function TemplatesScreen() {
  const search = useSearch({ from: "/templates" });
  const navigate = useNavigate({ from: "/templates" });
  const query = useQuery({
    ...templatesQuery(templatesQueryOf(search)),
    placeholderData: keepPreviousData,
  });
  const finder = useRef<HTMLInputElement>(null);
  useShortcuts({ f: () => finder.current?.focus() });
  const isFiltered = search.q !== undefined || search.show === "archived";
  return (
    <Page
      title="Templates"
      documentTitle="Templates"
      actions={
        <Button
          kind="primary"
          needs="sender"
          onClick={() => void navigate({ to: "/templates/new" })}
        >
          New template
        </Button>
      }
    >
      <TemplateTabs current="templates" />
      <Filters
        isAny={search.q !== undefined || search.show !== undefined}
        onClear={() => void navigate({ search: {} })}
      >
        <SearchField
          ref={finder}
          label="Find by key or name"
          value={search.q ?? ""}
          onChange={(q) =>
            void navigate({ search: { show: search.show, q: q || undefined }, replace: true })
          }
        />
        <Segments
          label="Which templates"
          values={{ active: "In use", archived: "Archived", all: "All" }}
          chosen={search.show ?? "active"}
          onChange={(show) =>
            void navigate({ search: { q: search.q, show: show === "active" ? undefined : show } })
          }
        />
      </Filters>
      <Panel isFlush>
        <List
          what="the templates"
          query={query}
          cursor={search.cursor}
          rows={8}
          onTurn={(cursor) => void navigate({ search: (before) => ({ ...before, cursor }) })}
          empty={
            isFiltered ? (
              <FilteredToNothing what="templates" onClear={() => void navigate({ search: {} })} />
            ) : (
              <Empty icon="templates" title="No templates yet">
                A template is a message with variables: an email, a push notification or an item of
                an inbox. Notifications and campaigns name it.
              </Empty>
            )
          }
        >
          {({ items }) => <TemplateTable templates={items} />}
        </List>
      </Panel>
    </Page>
  );
}

function TemplateTable({ templates }: { templates: readonly TemplateSummary[] }) {
  const zone = useZone();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [copied, setCopied] = useState<TemplateSummary | null>(null);
  const open = (key: string) => void navigate({ to: "/templates/$key", params: { key } });
  const rows = useRowKeys({
    ids: templates.map(({ key }) => key),
    keys: { Enter: open, o: open, e: open },
  });
  const archive = async (key: string, isArchived: boolean): Promise<void> => {
    try {
      await setArchived(key, isArchived);
      showToast(
        isArchived
          ? `${key} is archived. Nothing new can use it, and what was accepted is still sent.`
          : `${key} is in use again.`,
        { undo: () => void archive(key, !isArchived) },
      );
    } catch (error) {
      showToast(`It was not changed: ${(error as Error).message}`, { icon: "warning" });
    }
    await client.invalidateQueries({ queryKey: ["templates"] });
  };
  return (
    <>
      <table className={table.table}>
        <thead>
          <tr>
            <th>Name</th>
            <th className={table.wide}>Key</th>
            <th>Active version</th>
            <th className={`${table.number} ${table.wide}`}>Campaigns not ended</th>
            <th className={table.wide}>Version made ({zone})</th>
            <th>
              <span className="hidden-text">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {templates.map((template) => {
            const { key, name, activeVersion, latestVersion, archivedAt } = template;
            return (
              <tr key={key} {...rows.propsOf(key)}>
                <td>
                  <Link to="/templates/$key" params={{ key }} className={table.name}>
                    {name}
                  </Link>{" "}
                  {archivedAt !== null && <Chip tone="cancelled" icon="stop" word="Archived" />}
                </td>
                <td className={table.wide}>
                  <code>{key}</code>
                </td>
                <td>
                  {activeVersion.version}
                  {latestVersion > activeVersion.version && (
                    <span className="muted"> of {latestVersion}</span>
                  )}
                </td>
                <td className={`${table.number} ${table.wide}`}>
                  {template.unfinishedCampaigns === 0 ? (
                    0
                  ) : (
                    <Link to="/campaigns" search={{ template: key, status: unended }}>
                      {formatCount(template.unfinishedCampaigns)}
                    </Link>
                  )}
                </td>
                <td className={table.wide}>
                  <ShortInstant at={activeVersion.createdAt} />
                </td>
                <td className={table.number}>
                  {/* On a phone there is no room: the template's own page has this button, too. */}
                  <span className={table.wide}>
                    <Button
                      kind="quiet"
                      needs="sender"
                      aria-label={`Duplicate ${name}`}
                      onClick={() => setCopied(template)}
                    >
                      Duplicate
                    </Button>
                  </span>
                  <Button
                    kind="quiet"
                    needs="sender"
                    aria-label={`${archivedAt === null ? "Archive" : "Restore"} ${name}`}
                    onClick={() => void archive(key, archivedAt === null)}
                  >
                    {archivedAt === null ? "Archive" : "Restore"}
                  </Button>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {copied && (
        <DuplicateDialog
          template={copied}
          version={copied.activeVersion.version}
          onClose={() => setCopied(null)}
          onDone={open}
        />
      )}
    </>
  );
}
