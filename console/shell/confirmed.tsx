import { Page, Panel } from "../parts/page.tsx";
import { Empty } from "../parts/states.tsx";

/** Where the OpenID provider sends people who have proved who they are. The page that waits for the proof is in another tab. */
export function Confirmed() {
  return (
    <Page title="Confirmed" documentTitle="Confirmed">
      <Panel>
        <Empty icon="check" title="You have confirmed that it is you">
          Close this tab and go back to the other one, which goes on by itself.
        </Empty>
      </Panel>
    </Page>
  );
}
