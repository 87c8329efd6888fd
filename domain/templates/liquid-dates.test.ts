import { afterEach, describe, expect, it, vi } from "vitest";
import { useClocks } from "../time/local-time.ts";
import { nodeClocks } from "../time/node-clocks.ts";
import { Effort } from "./effort.ts";
import { compileTemplate, engines, renderTemplate } from "./liquid.ts";
import { checkContent } from "./check-content.ts";
import { renderEmail } from "./template.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  useClocks(nodeClocks);
});

const render = (source: string, scope: Record<string, unknown> = {}) =>
  renderTemplate(compileTemplate(source, engines.text), scope, new Effort());
const shown = (at: unknown, ...rest: string[]) =>
  render(`{{ at | date: ${rest.map((argument) => JSON.stringify(argument)).join(", ")} }}`, { at });

const hosts = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Asia/Kolkata"];

describe.each(hosts)("a date in a template, on a host in %s", (host) => {
  it.each([
    ["2026-07-01 12:00", "2026-07-01 12:00:00"],
    ["2026-07-01T12:00", "2026-07-01 12:00:00"],
    ["2026-07-01T12:00:30.250", "2026-07-01 12:00:30"],
    ["2026/07/01 12:00", "2026-07-01 12:00:00"],
    ["July 1, 2026 12:00", "2026-07-01 12:00:00"],
    ["1 July 2026 3:05 PM", "2026-07-01 15:05:00"],
    ["Wed, 01 Jul 2026 12:00:00", "2026-07-01 12:00:00"],
    ["2026-07-01", "2026-07-01 00:00:00"],
    ["2026-07", "2026-07-01 00:00:00"],
    ["2026-7-1", "2026-07-01 00:00:00"],
    ["07/01/2026", "2026-07-01 00:00:00"],
    ["July 1, 2026", "2026-07-01 00:00:00"],
    ["Wed Jul 01 2026", "2026-07-01 00:00:00"],
  ])("is in UTC if it has no offset: %s", (text, expected) => {
    vi.stubEnv("TZ", host);
    expect(shown(text, "%Y-%m-%d %H:%M:%S")).toBe(expected);
    expect(render("{{ at | date_to_xmlschema }}", { at: text })).toBe(
      `${expected.replace(" ", "T")}+00:00`,
    );
  });

  it.each([
    "2026-07-01T12:00:00Z",
    "2026-07-01T14:00:00+02:00",
    "2026-07-01 14:00 +0200",
    "2026-07-01T07:00-05:00",
    "Wed, 01 Jul 2026 12:00:00 GMT",
    "Wed Jul 01 2026 14:00:00 GMT+0200 (Central European Summer Time)",
    "Wed, 01 Jul 2026 08:00:00 EDT",
    1_782_907_200,
    "1782907200",
    new Date("2026-07-01T12:00:00Z"),
  ])("is the instant of its offset if it has one: %s", (at) => {
    vi.stubEnv("TZ", host);
    expect(shown(at, "%Y-%m-%d %H:%M %s")).toBe("2026-07-01 12:00 1782907200");
    expect(shown(at, "%Y-%m-%d %H:%M", "America/New_York")).toBe("2026-07-01 08:00");
  });

  it.each(["America/New_York", "Pacific/Honolulu", "Pacific/Kiritimati", "+14:00", "-11:00"])(
    "is not moved to another day by %s if it has no time",
    (zone) => {
      vi.stubEnv("TZ", host);
      for (const date of ["2026-07-01", "July 1, 2026", "07/01/2026", "2026/07/01", "1 Jul 2026"])
        expect(shown(date, "%d.%m.%Y", zone)).toBe("01.07.2026");
    },
  );
});

describe("the date filter", () => {
  it("shows the current time, and leaves values that are not dates unchanged", () => {
    vi.useFakeTimers({ now: Date.UTC(2026, 6, 1, 22) });
    try {
      expect(shown("now", "%d. %H:%M")).toBe("01. 22:00");
      expect(shown("today", "%d. %H:%M", "Asia/Tokyo")).toBe("02. 07:00");
    } finally {
      vi.useRealTimers();
    }
    expect(
      render("{{ at | date: '%Y' }}|{{ missing | date: '%Y' }}|{{ '' | date: '%Y' }}", {
        at: "soon",
      }),
    ).toBe("soon||");
  });

  it("uses the same clocks as decisions", () => {
    useClocks({
      ...nodeClocks,
      version: "2099a",
      nameOf: (name) => (name === "America/Vancouver" ? name : null),
      spansBetween: (_name, _from, to) => [{ offset: -7 * 3_600_000, end: to }],
    });
    expect(shown("2026-11-15T12:00:00Z", "%H:%M %z", "America/Vancouver")).toBe("05:00 -0700");
    expect(shown("2026-11-15T12:00:00Z", "%H:%M", "Europe/Berlin")).toBe("13:00");
  });

  it.each([
    ["%H:%M %Z", "Europe/Berlin", "14:00 Europe/Berlin"],
    ["%H:%M %z %:z", "Asia/Kolkata", "17:30 +0530 +05:30"],
    ["%H:%M%%Z", "us/pacific", "05:00%Z"],
    ["%H:%M", "+05:00", "17:00"],
    ["%H:%M", "-0330", "08:30"],
    // Recipients may have this zone since before it was refused.
    ["%H:%M", "PST", "05:00"],
  ])("shows %s in %s as %s", (format, zone, expected) => {
    expect(
      render("{{ at | date: format, zone }}", { at: "2026-07-01T12:00:00Z", format, zone }),
    ).toBe(expected);
  });

  it("accepts minutes west of Greenwich", () => {
    expect(render('{{ "2026-07-01T12:00:00Z" | date: "%H:%M", 360 }}')).toBe("06:00");
  });

  it("refuses an unknown zone, without repeating it", () => {
    const source = '{{ "2026-07-01T12:00:00Z" | date: "%H:%M", zone }}';
    expect(() => render(source, { zone: "Mars/Olympus" })).toThrow(
      "date is given a zone that must be an IANA time zone, such as Europe/Berlin",
    );
    expect(() => render(source, { zone: "Mars/Olympus" })).not.toThrow("Olympus");
  });
});

describe("a zone in a template", () => {
  const faults = (html: string) => checkContent({ email: { subject: "S", html, text: "T" } });

  it.each([
    `<p>\n{{ at | date: "%H:%M", "BST" }}`,
    `<p>\n{{ at | date: '%H:%M' , 'BST' | upcase }}`,
    `<p>\n{% assign x = at | date: format, "BST" %}`,
    `<p>\n{{ at | default: "x" | date: "%a, %d|%m", "BST" }}`,
  ])("is refused if it is not a time zone: %s", (html) => {
    expect(faults(html)).toEqual([
      {
        path: ["email", "html"],
        message:
          "html: the zone of date must be an IANA time zone: did you mean Europe/London?, line:2, col:1",
        line: 2,
        column: 1,
      },
    ]);
  });

  it.each([
    `{{ at | date: "%H:%M", "Europe/London" }}`,
    `{{ at | date: "%H:%M", "us/pacific" }}`,
    `{{ at | date: "%H:%M", "+05:00" }}`,
    `{{ at | date: "%H:%M", recipient.timeZone }}`,
    `{{ at | date: "%H:%M" }} "BST"`,
    `{{ at | date: "%H:%M" | append: "BST" }}`,
    `{% raw %}{{ at | date: "%H:%M", "BST" }}{% endraw %}`,
  ])("is accepted: %s", (html) => {
    expect(faults(html)).toEqual([]);
  });

  it("still renders if it was saved before unknown zones were refused", () => {
    const content = {
      email: {
        subject: "S",
        html: "x",
        text: '{{ "2026-07-01T12:00:00Z" | date: "%H:%M", "PST" }}',
      },
    };
    expect(renderEmail(content, {}).text).toBe("05:00");
  });
});
