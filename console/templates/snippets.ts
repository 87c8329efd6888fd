/** Markup that mail programs show alike: tables with inline styles, because many of them ignore the rest. */
export const snippets: readonly { name: string; html: string }[] = [
  {
    name: "Header",
    html: `<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
  <tr>
    <td align="center" style="padding:24px 16px;background:#0a5f6b">
      <h1 style="margin:0;font:bold 22px/1.3 Arial,Helvetica,sans-serif;color:#ffffff">Headline</h1>
    </td>
  </tr>
</table>
`,
  },
  {
    name: "Text",
    html: `<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
  <tr>
    <td style="padding:16px;font:16px/1.5 Arial,Helvetica,sans-serif;color:#1a1f26">
      <p style="margin:0 0 16px">Hello {{ recipient.attributes.name }},</p>
      <p style="margin:0">write your text here.</p>
    </td>
  </tr>
</table>
`,
  },
  {
    name: "Button",
    html: `<table role="presentation" cellpadding="0" cellspacing="0" border="0" align="center">
  <tr>
    <td align="center" bgcolor="#0a5f6b" style="border-radius:6px">
      <a href="https://example.org/" style="display:inline-block;padding:12px 24px;font:bold 16px/1.2 Arial,Helvetica,sans-serif;color:#ffffff;text-decoration:none">Open it</a>
    </td>
  </tr>
</table>
`,
  },
  {
    name: "List",
    html: `<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
  {%- for item in items %}
  <tr>
    <td style="padding:8px 16px;border-bottom:1px solid #dde2e8;font:16px/1.5 Arial,Helvetica,sans-serif;color:#1a1f26">{{ item }}</td>
  </tr>
  {%- endfor %}
</table>
`,
  },
  {
    name: "Columns",
    html: `<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
  <tr>
    <td width="50%" valign="top" style="padding:16px;font:16px/1.5 Arial,Helvetica,sans-serif;color:#1a1f26">Left</td>
    <td width="50%" valign="top" style="padding:16px;font:16px/1.5 Arial,Helvetica,sans-serif;color:#1a1f26">Right</td>
  </tr>
</table>
`,
  },
  {
    name: "Footer",
    html: `<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
  <tr>
    <td align="center" style="padding:24px 16px;font:13px/1.5 Arial,Helvetica,sans-serif;color:#505b6b">
      Example Shop, 1 Main Street
    </td>
  </tr>
</table>
`,
  },
];

const layoutTag = /\{%-?\s*layout\s+(?:"([^"]*)"|'([^']*)')\s*-?%\}\n?/;

/** Returns the key of the layout that surrounds an HTML; null if there is none. */
export function layoutOf(html: string): string | null {
  const [, double, single] = layoutTag.exec(html) ?? [];
  return double ?? single ?? null;
}

/** Surrounds an HTML with another layout; with none if the key is null. */
export const withLayout = (html: string, key: string | null): string => {
  const bare = html.replace(layoutTag, "");
  return key === null ? bare : `{% layout "${key}" %}\n${bare}`;
};
