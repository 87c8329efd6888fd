import type { Document, Operation } from "./openapi.ts";
import { schemaCompiler } from "./openapi.ts";

/** An answer as it was received. */
export interface Reply {
  status: number;
  headers: Headers;
  text: string;
}

/** Compares answers with a document. Returns the differences from the operation in words; nothing if there are none. */
export function createConformance(document: Document) {
  const compile = schemaCompiler(document);
  return ({ answers, method, path }: Operation, { status, headers, text }: Reply): string[] => {
    const fault = (what: string) => `${method} ${path} answered ${status}: ${what}`;
    if (status >= 500) return [fault(text)];
    const answer = answers[status] ?? answers["default"];
    if (!answer) return [fault("the document has no such status")];
    const missing = Object.entries(answer.headers ?? {})
      .filter(([name, { required }]) => required && !headers.has(name))
      .map(([name]) => fault(`without the header ${name}`));
    if (!answer.content)
      return text === "" ? missing : [...missing, fault(`a body where none should be: ${text}`)];
    const type = headers.get("content-type")?.split(";")[0] ?? "";
    const media = answer.content[type];
    if (!media) return [...missing, fault(`the document has no ${type}`)];
    if (!media.schema || !/[/+]json$/.test(type)) return missing;
    const validate = compile(media.schema);
    return validate(JSON.parse(text))
      ? missing
      : [...missing, fault(`${text} is off its schema: ${JSON.stringify(validate.errors)}`)];
  };
}
