/** Paths of icons on a grid of 16 by 16, drawn as lines. */
const paths = {
  overview: "M2.5 13V8.5M6.2 13V3M9.8 13V6.5M13.5 13V9.5",
  campaigns: "M2.5 6.5v3h2l6 3v-9l-6 3zM13 6.2c.8 1 .8 2.6 0 3.6M5 9.5v3.5",
  notifications: "M4 11V7a4 4 0 0 1 8 0v4l1.2 1.5H2.8zM6.5 14.3h3",
  deliveries: "M2 4.5h12v8H2zM2.3 5l5.7 4.3L13.7 5",
  queue: "M2.5 4h11M2.5 8h11M2.5 12h6M11 10.5v3M12.5 12h-3",
  topics: "M2.5 12.5h.1M2.5 8.5a4 4 0 0 1 4.5 4.5M2.5 3.5a9 9 0 0 1 9.5 9.5",
  templates: "M3 2.5h10v11H3zM3 6h10M6.5 6v7.5",
  routing: "M2.5 8H6l3-4.5h4.5M6 8l3 4.5h4.5M11.5 1.5l2 2-2 2M11.5 10.5l2 2-2 2",
  providers: "M2.5 2.5h11v4.5h-11zM2.5 9h11v4.5h-11zM5 4.8h.1M5 11.2h.1M8 4.8h3M8 11.2h3",
  health: "M1.5 8h3l2-4.5 3 9 2-4.5h3",
  analytics: "M2.5 2.5v11h11M5 10.5l2.7-3.2 2.1 1.9 3.4-4.4",
  up: "M4 10l4-4 4 4",
  grip: "M6 4h.1M10 4h.1M6 8h.1M10 8h.1M6 12h.1M10 12h.1",
  edit: "M3 13l.8-3L10.5 3.3l2.2 2.2L6 12.2zM9.2 4.6l2.2 2.2",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.5 10.5l3 3",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  close: "M4 4l8 8M12 4l-8 8",
  clock: "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11M8 5v3.2l2.2 1.3",
  arrow: "M3 8h9M8.5 4.5 12 8l-3.5 3.5",
  check: "M3.5 8.5l3 3 6-7",
  checks: "M1.5 8.8l2.7 2.7 5.3-6.5M7 10.6l.9.9L13.5 5",
  cross: "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11M6 6l4 4M10 6l-4 4",
  shield: "M8 2l5 1.8v4c0 3-2 5-5 6.2-3-1.2-5-3.2-5-6.2v-4zM5.5 8h5",
  stop: "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11M4.2 4.2l7.6 7.6",
  question:
    "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11M6.3 6.6c0-2.2 3.4-2.2 3.4 0 0 1.2-1.7 1.3-1.7 2.5M8 11.2v.1",
  sun: "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6M8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1",
  moon: "M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5",
  screen: "M2 3.5h12v7.5H2zM6 13.5h4M8 11v2.5",
  keyboard: "M1.5 4.5h13v7h-13zM4 7h.1M6.7 7h.1M9.4 7h.1M12 7h.1M5 9.5h6",
  person: "M8 2.8a2.6 2.6 0 1 1 0 5.2 2.6 2.6 0 0 1 0-5.2M3 13.5c.5-5 9.5-5 10 0",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  retry: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v2.8h-2.8",
  send: "M2.5 8 13.5 3l-3 10.5-3-4zM7.5 9.5l6-6.5",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M4.5 3l8 5-8 5z",
  duplicate: "M2.5 2.5h8v8h-8zM5.5 13.5h8v-8",
  sort: "M4.5 3v10M2.5 11l2 2 2-2M11.5 13V3M9.5 5l2-2 2 2",
  down: "M4 6l4 4 4-4",
  left: "M9.5 4l-4 4 4 4",
  right: "M6.5 4l4 4-4 4",
  flag: "M4 14V2.5M4 3h8.5l-2 3 2 3H4",
  warning: "M8 2.5l6 11H2zM8 6.5v3.2M8 11.5v.1",
  external: "M9 2.5h4.5V7M13.5 2.5 7.5 8.5M11.5 9.5v4h-9v-9h4",
  email: "M2 4.5h12v8H2zM2.3 5l5.7 4.3L13.7 5",
  push: "M4.5 11V7a3.5 3.5 0 0 1 7 0v4l1 1h-9zM7 13.8h2",
  in_app: "M2.5 9.5 4.5 3h7l2 6.5V13h-11zM2.5 9.5h3l1 1.5h3l1-1.5h3",
  sms: "M2.5 3h11v8h-6l-3 2.5V11h-2z",
  webhook: "M6 5.5 2.5 8 6 10.5M10 5.5 13.5 8 10 10.5",
  audit: "M3.5 2.5h9v11h-9zM6 5.5h4M6 8h4M6 10.5h2.5",
  settings:
    "M2.5 4.5h6M12 4.5h1.5M10 3v3M2.5 8h1.5M7.5 8h6M5.5 6.5v3M2.5 11.5h6M12 11.5h1.5M10 10v3",
  star: "M8 2.3l1.7 3.6 4 .5-2.9 2.7.7 3.9L8 11.1 4.5 13l.7-3.9L2.3 6.4l4-.5z",
  circle: "M8 4.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7",
  empty: "M2.5 9 4.5 3.5h7l2 5.5v4h-11zM2.5 9H6c0 2.5 4 2.5 4 0h3.5",
} as const;

export type IconName = keyof typeof paths;

/** A decorative icon: the text beside it, or the label of its button, says what it means. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={paths[name]} />
    </svg>
  );
}
