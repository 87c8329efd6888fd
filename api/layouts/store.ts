import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { resourceKey } from "../../domain/key.ts";
import type { TemplateContent } from "../../domain/templates/content.ts";
import { bodyLimit } from "../../domain/templates/content-parts.ts";
import {
  findContentLayouts,
  findLayoutKeys,
  flattenHtml,
  type LayoutHtml,
  mapHtml,
} from "../../domain/templates/layouts.ts";
import { TemplateError } from "../../domain/templates/template-error.ts";
import { nameText, text } from "../../domain/text.ts";
import type { Layout, LayoutVersion, Prisma } from "../../prisma/generated/client.ts";
import { notFound } from "../http/problem.ts";
import { versionMetadata, versionMetadataJson } from "../http/version-metadata.ts";

const exampleHtml =
  "<html><body><h1>Example Shop</h1>{{ content_for_layout }}<p>Example Shop, 1 Main Street</p></body></html>";

export const layoutKey = resourceKey.meta({ example: "main" });
export const layoutName = nameText(200).openapi({ example: "Main layout" });
export const layoutHtml = text(bodyLimit).openapi({
  description:
    'Liquid. Templates include it with `{% render "key" %}`, or with `{% layout "key" %}` around their own HTML, which replaces `{{ content_for_layout }}`',
  example: exampleHtml,
});

export const layoutParams = z.object({
  key: layoutKey.openapi({ description: "The key of the layout" }),
});

export const layoutSummary = z
  .object({
    id: z.string().openapi({ example: "lay_01jd3v8qyee7fr8xmcsnh5hbcd" }),
    key: z.string().openapi({ example: "main" }),
    name: z.string().openapi({ example: "Main layout" }),
    version: z.number().int().openapi({ description: "The number of changes, from 1", example: 2 }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi("LayoutSummary");

const html = z.string().openapi({ example: exampleHtml });

export const wholeLayout = layoutSummary.extend({ html }).openapi("Layout");

export const layoutVersionAnswer = versionMetadata
  .extend({ name: z.string().openapi({ example: "Main layout" }), html })
  .openapi("LayoutVersion");

export function layoutSummaryJson(row: Omit<Layout, "html">) {
  return {
    id: publicId("layout", row.id),
    key: row.key,
    name: row.name,
    version: row.version,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

export const layoutJson = (row: Layout) => ({ ...layoutSummaryJson(row), html: row.html });

export const layoutVersionJson = (row: LayoutVersion) => ({
  ...versionMetadataJson(row),
  name: row.name,
  html: row.html,
});

type Client = Pick<Prisma.TransactionClient, "layout">;

/** Finds a layout by its key; throws the 404. */
export async function findLayout(client: Client, key: string): Promise<Layout> {
  const row = await client.layout.findUnique({ where: { key } });
  if (!row) throw notFound("layout", "key");
  return row;
}

/** Finds a layout and locks it against other changes until the end of the transaction; throws the 404. */
export async function lockLayout(tx: Prisma.TransactionClient, key: string): Promise<Layout> {
  await tx.$queryRaw`SELECT FROM layouts WHERE key = ${key} FOR NO KEY UPDATE`;
  return findLayout(tx, key);
}

/** A layout whose HTML is in a template version. */
export interface UsedLayout {
  id: string;
  version: number;
}

/** The most layouts that are loaded for one content: more than its locales together reasonably include. */
const mostLoaded = 2_000;

/** Loads layouts by their keys, and those that they include. Keys without a layout are missing from the result. */
export async function loadLayouts(
  client: Client,
  keys: readonly string[],
): Promise<ReadonlyMap<string, Layout>> {
  const loaded = new Map<string, Layout>();
  let wanted = keys.slice(0, mostLoaded);
  while (wanted.length > 0 && loaded.size < mostLoaded) {
    const rows = await client.layout.findMany({ where: { key: { in: wanted } } });
    for (const row of rows) loaded.set(row.key, row);
    wanted = [...new Set(rows.flatMap((row) => keysIn(row.html)))].filter(
      (key) => !loaded.has(key),
    );
  }
  return loaded;
}

/** Lists the keys of the layouts that an HTML includes; none where a tag is malformed, which flattening reports. */
export function keysIn(source: string): string[] {
  try {
    return findLayoutKeys(source);
  } catch (error) {
    if (error instanceof TemplateError) return [];
    throw error;
  }
}

export const htmlByKey = (layouts: ReadonlyMap<string, Layout>): LayoutHtml =>
  new Map([...layouts].map(([key, row]) => [key, row.html]));

/** Replaces the layouts that the HTML of a content includes. `used` are all of them; `isChanged` is false where there are none. */
export async function flattenContent(client: Client, content: TemplateContent) {
  const keys = findContentLayouts(content);
  if (keys?.length === 0) return { content, faults: [], used: [], isChanged: false };
  const layouts = await loadLayouts(client, keys ?? []);
  const byKey = htmlByKey(layouts);
  const used = [...layouts.values()].map(({ id, version }): UsedLayout => ({ id, version }));
  return { ...mapHtml(content, (source) => flattenHtml(source, byKey)), used, isChanged: true };
}
