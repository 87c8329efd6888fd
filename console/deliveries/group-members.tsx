import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Panel } from "../parts/page.tsx";
import { ShortId } from "../parts/short-id.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import { StatusChip } from "../parts/status-chip.tsx";
import { deliveriesQuery } from "./queries.ts";
import styles from "./group-members.module.css";

const shown = 10;

/** The deliveries that go out together with this one as one message. */
export function GroupMembers({ group, id }: { group: string; id: string }) {
  const { data, error, refetch } = useQuery(deliveriesQuery({ group, order: "oldest" }));
  return (
    <Panel
      title="Goes out together with"
      aside={
        <Link to="/deliveries" search={{ group }}>
          All of them
        </Link>
      }
    >
      {data ? (
        <ul className={styles.members}>
          {data.items.slice(0, shown).map((member) => (
            <li key={member.id}>
              <StatusChip status={member.status} />
              {member.id === id ? <strong>This delivery</strong> : <ShortId id={member.id} />}
              <span className="muted">{member.type}</span>
            </li>
          ))}
        </ul>
      ) : error ? (
        <Failed what="the group" error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="the group" rows={3} />
      )}
    </Panel>
  );
}
