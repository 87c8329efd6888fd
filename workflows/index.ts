export { campaign } from "./campaign.ts";
export { deliveryQueue } from "./delivery-queue.ts";
export { digest } from "./digest.ts";
export { events } from "./events.ts";
export { maintenance } from "./maintenance.ts";
export { relay } from "./relay.ts";
