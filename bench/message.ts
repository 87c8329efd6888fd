import { publicId, newUuid } from "../domain/ids.ts";
import { localTimeAt } from "../domain/time/local-time.ts";

/** The message of all benchmarks: five variables, an HTML and a text part, 2.7 KB when sent. */
export const template = {
  subject:
    "{{ recipient.attributes.first_name }}, your {{ plan }} week in {{ recipient.attributes.city }}",
  html: `<!doctype html>
<html lang="en">
  <body style="margin:0;background:#f4f5f7;font-family:Helvetica,Arial,sans-serif;color:#1d2733">
    <table role="presentation" width="100%" cellpadding="0" cellspacing="0">
      <tr><td align="center" style="padding:24px">
        <table role="presentation" width="600" style="background:#ffffff;border-radius:8px">
          <tr><td style="padding:24px">
            <h1 style="font-size:22px">Hello {{ recipient.attributes.first_name }}</h1>
            <p>Here is what happened on your {{ plan }} plan this week in {{ recipient.attributes.city }}: everything that
            was planned was done, two things were done that nobody had planned, and one was put off until there is a
            better day for it.</p>
            <p>You have {{ recipient.attributes.points }} points. They count until the end of the season, and what you
            do not use is carried over to the next one, as it always was.</p>
            <p><a href="https://example.org/account/{{ recipient.externalId }}" style="color:#0b5cad">Open your account</a></p>
            <p>Next week looks calm. If something comes up, you hear of it on the day, between breakfast and the first
            meeting; and if nothing does, you hear nothing, which is how it should be. Plans change: answer this message
            and tell us which of yours did.</p>
            <p style="color:#667788;font-size:12px">You get this message because you asked for a weekly summary.</p>
          </td></tr>
        </table>
      </td></tr>
    </table>
  </body>
</html>
`,
  text: `Hello {{ recipient.attributes.first_name }},

here is what happened on your {{ plan }} plan this week in {{ recipient.attributes.city }}: everything that was planned
was done, two things were done that nobody had planned, and one was put off until there is a better day for it.

You have {{ recipient.attributes.points }} points. Next week looks calm. If something comes up, you hear of it on the day.

Open your account: https://example.org/account/{{ recipient.externalId }}

You get this message because you asked for a weekly summary.
`,
} as const;

export const sender = "Tidings <tidings@localhost>";

/** The data of the campaign. */
export const data = { plan: "family" } as const;

const firstNames = ["Ada", "Björn", "Chiara", "Dilnoza", "Emeka", "Françoise", "Grace", "Hana"];
const cities = ["Lisbon", "Malmö", "Naples", "Tashkent", "Enugu", "Québec", "Boston", "Kyoto"];

/** The nth recipient of the audience, always with the same values. */
export function person(n: number) {
  return {
    externalId: `user-${n}`,
    email: `user-${n}@example.org`,
    firstName: firstNames[n % firstNames.length]!,
    city: cities[(n >> 3) % cities.length]!,
    points: (n * 37) % 5000,
  };
}

const zones = ["Europe/Lisbon", "Europe/Stockholm", "Africa/Lagos", "America/New_York"];

/** The preferences of all recipients: one of each kind, but none of them holds a message during a benchmark. */
function preferences(zone: string, now: Date) {
  const inHours = (hours: number) => {
    const { minute } = localTimeAt(zone, now.getTime() + hours * 3_600_000);
    return new Date(minute * 60_000).toISOString().slice(11, 16);
  };
  return {
    maxPerHour: 1_000,
    minimumPriority: "low",
    batching: { windowMinutes: 20 },
    quietHours: [{ start: inHours(6), end: inHours(12) }],
    doNotDisturb: [{ weekday: "sunday", start: inHours(14), end: inHours(15) }],
  };
}

/** Limits that no recipient reaches in a benchmark; messages are still counted against them. */
export const roomyLimits = { limits: { perMinute: 10_000, perHour: 10_000, perDay: 10_000 } };

/** The audience with its preferences as NDJSON for the import, in pieces of a thousand lines. */
export function* audience(count: number): Generator<string> {
  const preferencesByZone = zones.map((zone) => preferences(zone, new Date()));
  for (let first = 0; first < count; first += 1_000) {
    let lines = "";
    for (let n = first; n < Math.min(count, first + 1_000); n++) {
      const { externalId, email, firstName, city, points } = person(n);
      lines += `${JSON.stringify({ externalId, email, timeZone: zones[n % zones.length], attributes: { first_name: firstName, city, points }, preferences: preferencesByZone[n % preferencesByZone.length] })}\n`;
    }
    yield lines;
  }
}

/**
 * Creates the same message for a sender without templates: the sources are split once, and joined with the values, which is the cheapest
 * way.
 */
export function filler(): (n: number) => {
  to: string;
  subject: string;
  html: string;
  text: string;
} {
  const cut = (source: string) => source.split(/\{\{ ([\w.]+) \}\}/);
  const sources = {
    subject: cut(template.subject),
    html: cut(template.html),
    text: cut(template.text),
  };
  return (n) => {
    const { externalId, email, firstName, city, points } = person(n);
    const values: Record<string, string> = {
      "recipient.attributes.first_name": firstName,
      "recipient.attributes.city": city,
      "recipient.attributes.points": String(points),
      "recipient.externalId": externalId,
      plan: data.plan,
    };
    const fill = (parts: string[]) =>
      parts.reduce((text, part, index) => text + (index % 2 === 0 ? part : values[part]), "");
    return {
      to: email,
      subject: fill(sources.subject),
      html: fill(sources.html),
      text: fill(sources.text),
    };
  };
}

/** Creates an id like those of deliveries. */
export const freshDeliveryId = () => publicId("delivery", newUuid());
