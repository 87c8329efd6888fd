import { createService, type Service } from "../cli/demo/service.ts";
import type { TemporaryStack } from "../cli/demo/temporary-stack.ts";
import { audience, roomyLimits, template } from "./message.ts";

/** Sets up a stack with recipients, limits that none of them reaches, and the template `weekly`. */
export async function prepareService(
  { urls, apiKey }: Pick<TemporaryStack, "urls" | "apiKey">,
  recipients: number,
): Promise<Service> {
  const service = createService({ url: urls.api, apiKey });
  await service.changePolicy(roomyLimits);
  await service.importRecipients("application/x-ndjson", audience(recipients));
  await service.createTemplate({
    key: "weekly",
    name: "Weekly summary",
    content: { email: template },
  });
  return service;
}
