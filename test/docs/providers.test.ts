import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readEnvironment } from "../../config/environment.ts";
import { optionsOf } from "../../config/providers.ts";
import { readProviders } from "../../config/worker-providers.ts";
import { gateLimits } from "../../domain/delivery/gates.ts";
import { pushProviders } from "../../domain/push-providers.ts";
import { markdownPages, readPage } from "../support/markdown.ts";

let folder: string;
let passwordFile: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tidings-providers-"));
  passwordFile = join(folder, "password");
  writeFileSync(passwordFile, "secret\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

const page = (name: string) => readPage(`docs/providers/${name}.md`);
const examples = (text: string) =>
  [...text.matchAll(/^```json\n(.*?)^```$/gms)].map(([, example]) => example!);

/** Reads a list as a worker does, with the password file of this test in place of those of the page. */
const readList = (example: string) =>
  readProviders(
    readEnvironment(["SMTP_URL", "PROVIDERS"], {
      PROVIDERS: example.replaceAll(/"\/run\/secrets\/[\w-]+"/g, JSON.stringify(passwordFile)),
    }),
    { sendsPush: true },
  );

describe.each(["README", "smtp", "web-push"])("docs/providers/%s.md", (name) => {
  it("has an example that a worker can use", () => {
    // Other JSON of a page is a request.
    const lists = examples(page(name)).filter((example) => example.startsWith("["));
    expect(lists).toHaveLength(1);
    expect(readList(lists[0]!).smtp.length).toBeGreaterThan(0);
  });
});

it("the short form in docs/providers/README.md can be read", () => {
  const [short] = /(?<=`)smtp:\/\/\S+ smtps:\/\/[^`]+(?=`)/.exec(page("README"))!;
  const { smtp } = readProviders(readEnvironment(["SMTP_URL", "PROVIDERS"], { SMTP_URL: short }), {
    sendsPush: false,
  });
  expect(smtp.map(({ name, limits }) => [name, limits?.permitsPerSecond ?? null])).toEqual([
    ["main", 14],
    ["backup", null],
  ]);
});

it("the limits in docs/providers/inbox.md are ones that the API takes", () => {
  const [limits] = examples(page("inbox"));
  expect(gateLimits.safeParse(JSON.parse(limits!)).success).toBe(true);
});

it("the pages of the kinds have all their options and names", () => {
  const options = [...page("smtp").matchAll(/^\| (`.+?) +\|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`(\w+)`/g)].map(([, option]) => option!),
  );
  expect(options).toEqual(expect.arrayContaining(optionsOf("smtp")));
  for (const option of optionsOf("web-push")) expect(page("web-push")).toContain(`\`${option}\``);
  for (const name of pushProviders) expect(page("web-push")).toMatch(`| \`${name}\``);
});

it("the index links to every page of the folder", () => {
  const pages = markdownPages
    .filter((path) => path.startsWith("docs/providers/") && !path.endsWith("README.md"))
    .map((path) => path.slice("docs/providers/".length));
  expect(pages).toEqual(["inbox.md", "smtp.md", "web-push.md"]);
  for (const path of pages) expect(page("README")).toContain(`](${path})`);
});
