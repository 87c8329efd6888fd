import type { TemplateContent } from "./content.ts";
import type { ContentParts } from "./content-parts.ts";
import type { GroupKind } from "./summary.ts";
import { type SummaryWords, summaryWords } from "./summary-words.ts";

const styles = {
  page: "margin:0;padding:24px 12px;background:#f4f4f5;color:#18181b;font:16px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif",
  card: "max-width:560px;margin:0 auto;padding:24px;background:#fff;border-radius:8px",
  title: "margin:0 0 16px;font-size:20px;line-height:1.3",
  section: "margin:24px 0 8px;font-size:16px;line-height:1.3",
  list: "margin:0;padding:0;list-style:none",
  item: "padding:8px 0;border-top:1px solid #e4e4e7",
  link: "color:#1d4ed8",
  quiet: "margin:8px 0 0;color:#71717a;font-size:14px",
  when: "display:block;color:#71717a;font-size:14px",
  actions: "margin:24px 0 0",
  foot: "margin:24px 0 0;padding-top:16px;border-top:1px solid #e4e4e7;font-size:14px",
  footLink: "color:#71717a",
  action:
    "display:inline-block;margin:0 8px 8px 0;padding:8px 16px;border-radius:6px;background:#1d4ed8;color:#fff;text-decoration:none",
};

/** The words for the number in a variable. */
const counted = ({ one, many }: SummaryWords["more"], variable: string) => {
  const fill = (text: string) => text.replace("{count}", `{{ ${variable} }}`);
  return one === many
    ? fill(many)
    : `{% if ${variable} == 1 %}${fill(one)}{% else %}${fill(many)}{% endif %}`;
};

/** Lists the items of the scope at the path `of`, such as "section.", and the number of further ones. */
const htmlList = (of: string, { more }: SummaryWords) =>
  `{% if ${of}items.size > 0 %}<ul style="${styles.list}">
{% for item in ${of}items %}<li style="${styles.item}">{% if item.url %}<a href="{{ item.url }}" style="${styles.link}">{{ item.title }}</a>{% else %}{{ item.title }}{% endif %}{% if item.when %}<span style="${styles.when}">{{ item.when }}</span>{% endif %}</li>
{% endfor %}</ul>
{% endif %}{% if ${of}more > 0 %}<p style="${styles.quiet}">${counted(more, `${of}more`)}</p>
{% endif %}`;

const textList = (of: string, { more }: SummaryWords) =>
  `{% for item in ${of}items %}- {{ item.title }}{% if item.when %} ({{ item.when }}){% endif %}{% if item.url %}
  {{ item.url }}{% endif %}
{% endfor %}{% if ${of}more > 0 %}${counted(more, `${of}more`)}
{% endif %}`;

/** A preview for operators may have no link to the preference centre. */
const htmlPage = (
  body: string,
  { lang, change }: SummaryWords,
) => `<!doctype html><html lang="${lang}"><body style="${styles.page}"><div style="${styles.card}">
<h1 style="${styles.title}">{{ title }}</h1>
${body}{% if actions.size > 0 %}<p style="${styles.actions}">{% for action in actions %}<a href="{{ action.url }}" style="${styles.action}">{{ action.label }}</a>{% endfor %}</p>
{% endif %}{% if preferencesUrl %}<p style="${styles.foot}"><a href="{{ preferencesUrl }}" style="${styles.footLink}">${change}</a></p>
{% endif %}</div></body></html>
`;

const textPage = (body: string, { change }: SummaryWords) => `{{ title }}

${body}{% for action in actions %}{% if forloop.first %}
{% endif %}{{ action.label }}: {{ action.url }}
{% endfor %}{% if preferencesUrl %}
${change}: {{ preferencesUrl }}
{% endif %}`;

/** The first two titles and the number of others, as in "Send the report, Call Ada and 1 other". `items` and `count` are variables. */
const namesBody = ({ and, others }: SummaryWords) =>
  `{% assign others = count | minus: 2 %}{% if items.size < 2 %}{% assign others = count | minus: items.size %}{% endif %}{{ items[0].title }}{% if others > 0 %}{% if items.size > 1 %}, {{ items[1].title }}{% endif %} ${and} ${counted(others, "others")}{% elsif items.size > 1 %} ${and} {{ items[1].title }}{% endif %}`;

/** Every section but the last has an item, so that the first two sections have the first two items. */
const digestNamesBody = (words: SummaryWords) =>
  `{% assign items = sections[0].items %}{% if sections.size > 1 %}{% assign items = items | concat: sections[1].items %}{% endif %}${namesBody(words)}`;

/** The address of the action `view`; nothing where the group has none. */
const viewUrl = `{% for action in actions %}{% if action.action == "view" %}{{ action.url }}{% endif %}{% endfor %}`;

/** A button for each action of a group, which has at most three. */
const groupButtons = [0, 1, 2].map((index) => ({
  label: `{{ actions[${index}].label }}`,
  url: `{{ actions[${index}].url }}`,
}));

/** The content of a group for the channels other than email. */
const notificationContent = (body: string, category: string) => {
  const fields = { title: "{{ title }}", body, url: viewUrl, actions: groupButtons };
  return { push: { ...fields, icon: "{{ type.summaryIcon }}" }, in_app: { ...fields, category } };
};

const contents = {
  batch: (words: SummaryWords) => ({
    email: {
      subject: "{{ title }}",
      html: htmlPage(htmlList("", words), words),
      text: textPage(textList("", words), words),
    },
    ...notificationContent(namesBody(words), "{{ type.key }}"),
  }),
  digest: (words: SummaryWords) => ({
    email: {
      subject: "{{ title }}",
      html: htmlPage(
        `{% for section in sections %}<h2 style="${styles.section}">{{ section.type.name }} ({{ section.count }})</h2>
${htmlList("section.", words)}{% endfor %}`,
        words,
      ),
      text: textPage(
        `{% for section in sections %}{% unless forloop.first %}
{% endunless %}{{ section.type.name }} ({{ section.count }})
${textList("section.", words)}{% endfor %}`,
        words,
      ),
    },
    ...notificationContent(digestNamesBody(words), "digest"),
  }),
} satisfies Record<GroupKind, (words: SummaryWords) => ContentParts>;

/** The content of a group in every language of recipients' pages. */
function localizedContent(kind: GroupKind): TemplateContent {
  const [english, ...others] = summaryWords;
  return {
    ...contents[kind](english!),
    locales: Object.fromEntries(others.map((words) => [words.lang, contents[kind](words)])),
  };
}

/** The templates of groups where the caller names no template, or the template no longer exists. */
export const defaultSummaries: Record<
  GroupKind,
  { templateVersionId: string; content: TemplateContent }
> = {
  batch: { templateVersionId: "default-batch-1", content: localizedContent("batch") },
  digest: { templateVersionId: "default-digest-1", content: localizedContent("digest") },
};
