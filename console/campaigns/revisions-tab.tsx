import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type Campaign, type Revision, revisionsQuery } from "./queries.ts";
import { ActorName } from "../parts/actor-name.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Panel } from "../parts/page.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { TemplateLink } from "../parts/template-link.tsx";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { ChangeList } from "../parts/change-list.tsx";
import { listChanges } from "../parts/changes.ts";
import styles from "./revisions-tab.module.css";

/** The messages that a campaign has sent one after the other, who wrote them, and how two of them differ. */
export function RevisionsTab({ campaign: { id, frozenAt } }: { campaign: Campaign }) {
  const { data, error, refetch } = useQuery(revisionsQuery(id));
  if (!data)
    return (
      <Panel>
        {error ? (
          <Failed what="the revisions" error={error} retry={() => void refetch()} />
        ) : (
          <Loading what="the revisions" />
        )}
      </Panel>
    );
  return (
    <div className={styles.parts}>
      <Panel title="Revisions" isFlush>
        <RevisionTable revisions={data.items} />
        {data.nextCursor !== null && (
          <p className={`muted ${styles.foot}`}>
            The newest {formatCount(data.items.length)} are shown.
          </p>
        )}
      </Panel>
      {data.items.length > 1 ? (
        <Comparison revisions={data.items} />
      ) : (
        <p className="muted">
          {frozenAt === null
            ? "Until the audience is frozen, an edit changes this revision. After that, each edit of the message makes a new one."
            : "The message has not been edited since the audience was frozen."}
        </p>
      )}
    </div>
  );
}

function RevisionTable({ revisions }: { revisions: readonly Revision[] }) {
  const zone = useZone();
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th>Revision</th>
          <th className={table.wide}>Template</th>
          <th>By</th>
          <th>Sent from ({zone})</th>
          <th className={table.wide}>Until</th>
          <th className={table.number}>Sent</th>
          <th className={`${table.number} ${table.wide}`}>May have been sent</th>
        </tr>
      </thead>
      <tbody>
        {revisions.map(({ revision, template, by, from, until, sent, unknown }) => (
          <tr key={revision}>
            <td>
              <strong>{revision}</strong>
              {until === null && <span className="muted"> · current</span>}
            </td>
            <td className={table.wide}>
              <TemplateLink template={template} />
            </td>
            <td>
              <ActorName id={by} />
            </td>
            <td>{from === null ? <span className="muted">–</span> : <ShortInstant at={from} />}</td>
            <td className={table.wide}>
              {until === null ? <span className="muted">–</span> : <ShortInstant at={until} />}
            </td>
            <td className={table.number}>{formatCount(sent)}</td>
            <td className={`${table.number} ${table.wide}`}>{formatCount(unknown)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** How one revision differs from an earlier one, which the address names; by default the two newest. */
function Comparison({ revisions }: { revisions: readonly Revision[] }) {
  const search = useSearch({ from: "/campaigns/$id" });
  const navigate = useNavigate({ from: "/campaigns/$id" });
  const find = (number: string | undefined) =>
    revisions.find(({ revision }) => String(revision) === number);
  const later = find(search.revision) ?? revisions[0]!;
  const earlier =
    find(search.since) ??
    revisions.find(({ revision }) => revision === later.revision - 1) ??
    revisions.at(-1)!;
  const choose = (chosen: { since?: string; revision?: string }) =>
    void navigate({ search: (before) => ({ ...before, ...chosen }), replace: true });
  const content = ({ template, data, attachments }: Revision) => ({
    template,
    data,
    attachments: attachments.map(({ id }) => id),
  });
  const changes = listChanges(content(earlier), content(later));
  return (
    <Panel
      title="What differs"
      aside={
        <span className={styles.choice}>
          <Chooser
            name="The earlier revision"
            value={earlier}
            revisions={revisions}
            onChange={(since) => choose({ since })}
          />
          →
          <Chooser
            name="The later revision"
            value={later}
            revisions={revisions}
            onChange={(revision) => choose({ revision })}
          />
        </span>
      }
    >
      {changes.length > 0 ? (
        <>
          <p className="hidden-text">{formatNoun(changes.length, "difference")}</p>
          <ChangeList changes={changes} />
        </>
      ) : (
        <p className="muted">Their template, data and attachments are the same.</p>
      )}
    </Panel>
  );
}

const Chooser = ({
  name,
  value,
  revisions,
  onChange,
}: {
  name: string;
  value: Revision;
  revisions: readonly Revision[];
  onChange: (revision: string) => void;
}) => (
  <select
    aria-label={name}
    value={value.revision}
    onChange={({ target }) => onChange(target.value)}
  >
    {revisions.map(({ revision }) => (
      <option key={revision} value={revision}>
        Revision {revision}
      </option>
    ))}
  </select>
);
