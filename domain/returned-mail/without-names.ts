/** Header fields of a message that name people. */
const people =
  "to|cc|bcc|from|sender|reply-to|resent-to|resent-cc|resent-from|delivered-to|x-display-name";
const fieldOfPeople = new RegExp(
  `^[ \\t>]*(?:${people})[ \\t]*:(?:[^\\n]*,[ \\t]*\\n)*[^\\n]*?(?=[45]\\d\\d[ -]|$)`,
  "gim",
);
const fieldOfWords = /^[ \t>]*(?:subject|thread-topic|comments|keywords)[ \t]*:.*$/gim;
/** Within a line, as a server quotes them. */
const namedAddress = new RegExp(`\\b(${people})[ \\t]*:[^<>\\n@]{1,200}(?=<)`, "gi");

/**
 * Removes the names of people, and the subject, from what a server says of a message: it may quote the headers of the message, with people whom the recipient wrote
 * to, and what is stored of an answer outlives an erasure. Addresses are removed where it is stored.
 */
export const withoutNames = (text: string): string =>
  text.replaceAll(fieldOfWords, "").replaceAll(fieldOfPeople, "").replaceAll(namedAddress, "$1: ");
