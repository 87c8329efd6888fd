// Loaded before a worker whose wall clock is to be wrong. Only what tells the time of day is moved: time that has elapsed, by
// `performance.now()` and timers, stays what it is, as with a clock that was set wrongly.
const aheadMs = 3_600_000;

const { now } = Date;
globalThis.Date = new Proxy(Date, {
  apply: () => new Date().toString(),
  construct: (target, given, newTarget) =>
    Reflect.construct(target, given.length === 0 ? [now() + aheadMs] : given, newTarget) as Date,
  get: (target, name, receiver) =>
    name === "now" ? () => now() + aheadMs : (Reflect.get(target, name, receiver) as unknown),
});
Object.defineProperty(performance, "timeOrigin", { value: performance.timeOrigin + aheadMs });

export {};
