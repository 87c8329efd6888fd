import { readHtml } from "./html-reader.ts";
import { TextWriter } from "./text-writer.ts";

/**
 * Converts HTML to plain text: a line for each line, a line for each row of a table with a blank between its cells, the address of a link in
 * brackets unless its text is the address, lists with their numbers, and images by their alternative text. Leaves out what mail programs
 * hide. Takes time in proportion to the length of the HTML, whatever it contains.
 */
export function textFromHtml(html: string): string {
  const writer = new TextWriter();
  readHtml(html, (event) => writer.write(event));
  return writer.end();
}
