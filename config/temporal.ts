import { Client, Connection, type WorkflowClientInterceptor } from "@temporalio/client";
import { loadClientConnectConfig } from "@temporalio/envconfig";
import proto from "@temporalio/proto";
import { searchAttributeNames } from "../domain/search-attributes.ts";

/**
 * Reads the address, namespace, TLS and API key of the Temporal server from `TEMPORAL_*` and the profile file with
 * `@temporalio/envconfig`. The defaults are 127.0.0.1:7233 and the namespace `default`.
 */
export function temporalSettings(source: NodeJS.ProcessEnv) {
  const overrides = Object.fromEntries(
    Object.entries(source).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: overrides });
  return {
    connectionOptions: { address: "127.0.0.1:7233", ...connectionOptions },
    namespace: namespace ?? "default",
  };
}

export type TemporalSettings = ReturnType<typeof temporalSettings>;

/** Creates a client that connects when first used, so that a process can start while Temporal is unavailable. */
export function temporalClient(
  settings: TemporalSettings,
  interceptors: readonly WorkflowClientInterceptor[] = [],
): Client {
  const { address, tls, apiKey, metadata } = settings.connectionOptions;
  const connection = Connection.lazy({
    address,
    ...(tls && { tls }),
    ...(apiKey && { apiKey }),
    ...(metadata && { metadata }),
  } as Parameters<typeof Connection.lazy>[0]);
  return new Client({
    connection,
    namespace: settings.namespace,
    interceptors: { workflow: [...interceptors] },
  });
}

/**
 * Registers the search attributes; idempotent. This must be done before workflows start: a workflow that sets an unknown attribute retries its
 * task for ever.
 */
export async function registerSearchAttributes(client: Client): Promise<void> {
  const missing = await missingSearchAttributes(client);
  if (missing.length > 0) await addSearchAttributes(client, missing);
}

/** The search attributes of Tidings that the namespace does not have. */
export async function missingSearchAttributes(client: Client): Promise<string[]> {
  const { operatorService } = client.connection as Connection;
  const { customAttributes } = await operatorService.listSearchAttributes({
    namespace: client.options.namespace,
  });
  return Object.values(searchAttributeNames).filter((name) => !(name in (customAttributes ?? {})));
}

/** Adds search attributes. Fails if the server already has one of them. */
export async function addSearchAttributes(
  client: Client,
  names: readonly string[] = Object.values(searchAttributeNames),
): Promise<void> {
  const { operatorService } = client.connection as Connection;
  await operatorService.addSearchAttributes({
    namespace: client.options.namespace,
    searchAttributes: Object.fromEntries(
      names.map((name) => [
        name,
        proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
      ]),
    ),
  });
}
