import { Instant } from "../parts/instant.tsx";
import { Facts, Panel } from "../parts/page.tsx";
import { formatCount } from "../words/numbers.ts";
import type { Provider } from "./queries.ts";

/** How fast a provider is given messages to some receiving domains, and which of them are paused. */
export function DomainsPanel({ domains }: Pick<Provider, "domains">) {
  return (
    <Panel title="Receiving domains">
      <Facts
        items={domains.map((domain) => [domain.domain, <Limits key="limits" domain={domain} />])}
      />
    </Panel>
  );
}

function Limits({ domain }: { domain: Provider["domains"][number] }) {
  const { connections, perSecond, shutUntil, shutReason } = domain;
  const limits = [
    perSecond !== null && `${formatCount(perSecond)} per second`,
    connections !== null && `${formatCount(connections)} at a time per worker`,
  ].filter(Boolean);
  return (
    <>
      {limits.join(", ")}
      {shutUntil !== null && (
        <>
          . Paused until <Instant at={shutUntil} />
          {shutReason !== null && (
            <>
              , because it said <q>{shutReason}</q>
            </>
          )}
        </>
      )}
    </>
  );
}
