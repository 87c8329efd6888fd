import { OutcomeChart } from "../charts/outcome-chart.tsx";
import { Panel } from "../parts/page.tsx";
import styles from "./throughput.module.css";

const lastHour = { lastMs: 3_600_000 };

/** How many deliveries ended in each minute of the last hour. */
export const Throughput = () => (
  <div className={styles.throughput}>
    <Panel title="The last hour">
      <OutcomeChart
        caption="Deliveries that ended in the last hour"
        filters={{}}
        span={lastHour}
        none="No delivery has ended in the last hour."
      />
    </Panel>
  </div>
);
