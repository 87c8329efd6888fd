/** Reads groups of header fields, such as those of a delivery report: names in lower case, folded lines joined. A blank line ends a group. */
export function readFieldGroups(text: string): Map<string, string>[] {
  const unfolded = text.replaceAll(/\r\n?/g, "\n").replaceAll(/\n[ \t]+(?=\S)/g, " ");
  return unfolded.split(/\n\s*\n/).flatMap((part) => {
    const fields = new Map<string, string>();
    for (const line of part.split("\n")) {
      const [, name, value] = /^([!-9;-~]{1,100}):[ \t]*(.*)$/.exec(line) ?? [];
      // The first field of a name counts, as in a mail program.
      if (name !== undefined && !fields.has(name.toLowerCase()))
        fields.set(name.toLowerCase(), value!.trim());
    }
    return fields.size > 0 ? [fields] : [];
  });
}

/** The mailbox in a field such as `rfc822; <bob@example.org>`; null where there is none. */
export function readFieldAddress(value: string | undefined): string | null {
  const [, text = value ?? ""] = /^[\w-]+\s*;\s*(.*)$/.exec(value ?? "") ?? [];
  const [, address] = /<?([^\s<>"(),;]{1,200}@[^\s<>"(),;]{1,255})>?/.exec(text) ?? [];
  return address ?? null;
}
