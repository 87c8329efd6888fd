/** An address of a web page in a text, without the punctuation that ends a sentence. */
const address = /https?:\/\/[^\s<>"]*[^\s<>"'.,;:!?)\]]/gi;

/** Replaces the addresses of web pages in a text. */
export const rewriteText = (text: string, replace: (address: string) => string): string =>
  text.replaceAll(address, (found) => replace(found));
