import {
  type Filter,
  type Template,
  toValueSync,
  TypeGuards,
  Value,
  type ValueToken,
} from "liquidjs";
import { Decimal } from "./liquid-values.ts";

/** Makes every literal such as `7.0` in a parsed template a `Decimal`: liquidjs reads it as the whole number 7. */
export function markDecimals(templates: Iterable<Template>): void {
  for (const template of templates) {
    for (const argument of template.arguments?.() ?? [])
      if (argument instanceof Value) markValue(argument);
      else markToken(argument);
    if (template.children) markDecimals(toValueSync(template.children(false, true)) as Template[]);
  }
}

function markValue({
  initial,
  filters,
}: Pick<Value, "initial"> & { filters: readonly Pick<Filter, "args">[] }): void {
  for (const token of initial.postfix) markToken(token as ValueToken);
  for (const { args } of filters)
    for (const argument of args) {
      const token = Array.isArray(argument) ? argument[1] : argument;
      if (token) markToken(token);
    }
}

function markToken(token: ValueToken): void {
  if (TypeGuards.isFilteredValueToken(token)) return markValue(token);
  if (!TypeGuards.isNumberToken(token) || !token.getText().includes(".")) return;
  const literal = token as { content: unknown };
  if (Number.isInteger(literal.content)) literal.content = new Decimal(literal.content as number);
}
