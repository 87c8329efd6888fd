import { Agent } from "node:https";
import webpush from "web-push";
import { certificate } from "../test/outbound/certificate.ts";
import type { Sending } from "./peer.ts";
import { pushEndpoint, pushText, subscriptionKeys } from "./push-message.ts";

/** As many different devices as a campaign to warm up has. */
const devices = 10_000;

/** Sends as many messages at once as there are connections, each of which is kept, with `sendNotification` of web-push. */
export const byWebPush: Sending = async ({ host, port, connections }, sent, ended) => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, ca: certificate.cert });
  const vapidDetails = { ...webpush.generateVAPIDKeys(), subject: "mailto:ops@example.org" };
  const keys = subscriptionKeys();
  let next = 0;
  const send = async () => {
    while (!ended()) {
      const n = next++;
      const endpoint = pushEndpoint({ host, port }, n % devices);
      await webpush.sendNotification({ endpoint, keys }, pushText(n), {
        vapidDetails,
        agent,
        TTL: 86_400,
      });
      sent();
    }
  };
  await Promise.all(Array.from({ length: connections }, send));
  agent.destroy();
};
