export { campaign } from "./campaign.ts";
export { deliveryQueue } from "./delivery-queue.ts";
export { relay } from "./relay.ts";
