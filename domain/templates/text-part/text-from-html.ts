import { readHtml } from "./html-reader.ts";
import { TextWriter } from "./text-writer.ts";

/**
 * What HTML says, as plain text: a line for each line, a line for each row of a table with a blank between its cells, links with
 * their addresses in brackets unless they say them, lists with their numbers, images by what stands for them. What mail programs
 * hide is left out. Takes time in proportion to the HTML, whatever that holds.
 */
export function textFromHtml(html: string): string {
  const writer = new TextWriter();
  readHtml(html, (event) => writer.write(event));
  return writer.end();
}
