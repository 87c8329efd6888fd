import { Link } from "@tanstack/react-router";
import { Page, Panel } from "../parts/page.tsx";
import { Empty } from "../parts/states.tsx";

/** Shown for an address that the console does not have. */
export function NotFound() {
  return (
    <Page title="No such page" documentTitle="No such page">
      <Panel>
        <Empty title="The console has no page at this address" icon="search">
          The link may be of a newer version. <Link to="/">Go to the overview</Link>.
        </Empty>
      </Panel>
    </Page>
  );
}
