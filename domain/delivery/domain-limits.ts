/** How fast a provider is given messages to the addresses of one receiving domain. At least one of the two limits is set. */
export interface DomainLimits {
  /** The domain of the addresses, in lower case and in its ASCII form. */
  domain: string;
  /** The messages that each worker hands over at the same time; null for no limit. */
  connections: number | null;
  /** Messages per second over all workers; null for no rate. */
  perSecond: number | null;
}
