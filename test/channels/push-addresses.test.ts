import { expect, it, onTestFinished } from "vitest";
import { createOutboundClient } from "../../lib/outbound/client.ts";
import {
  allowedAddress,
  forbiddenUrls,
  redirectCodes,
  redirectTo,
  resolveForbidden,
  startWitness,
} from "../support/forbidden-urls.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { subnets } from "../support/outbound.ts";
import { makeSubscription } from "../support/push-subscription.ts";
import { outcomes } from "./email-channel.ts";
import { patient } from "./guarded-channel.ts";
import { pushChannel, pushRequest, registerDevice } from "./push-channel.ts";

const database = useLedgerDatabase({ truncate: "breakers" });

/** A channel that may connect to the allowed address only, and by which a message is pushed to a device with the given endpoint. */
async function pusher(port: number, resolve = resolveForbidden) {
  const { pool, seed } = database;
  const made = await pushChannel(
    pool,
    { port },
    {
      http: createOutboundClient({
        rules: { privateSubnets: subnets(allowedAddress), ports: [port], plain: true },
        resolve,
      }),
      // The failures of one endpoint are not to hold up the next.
      breaker: { ...patient, failures: 1_000_000 },
    },
  );
  onTestFinished(() => made.stop());
  return async (endpoint: string) => {
    const [recipientId] = (await seed.recipients(1)) as [string];
    await registerDevice(pool, recipientId, makeSubscription(endpoint));
    return outcomes(await made.channel.send(pushRequest(recipientId)));
  };
}

it("a stored endpoint that is not allowed is not connected to, whatever its form", async () => {
  const { port, forbidden } = await startWitness();
  const push = await pusher(port);
  for (const endpoint of forbiddenUrls(port))
    expect([endpoint, await push(endpoint)]).toEqual([
      endpoint,
      [expect.stringMatching(/^permanent\/address_(not_allowed|unreadable)$/)],
    ]);
  expect(forbidden).toEqual([]);
});

it("a push service that redirects to an address that is not allowed is not followed, whatever the form", async () => {
  const witness = await startWitness();
  const push = await pusher(witness.port);
  const urls = forbiddenUrls(witness.port);
  for (const [index, target] of urls.entries()) {
    const code = redirectCodes[index % redirectCodes.length]!;
    witness.answer = redirectTo(target, code);
    const outcome = await push(`http://${allowedAddress}:${witness.port}/${index}`);
    expect([target, outcome]).toEqual([target, ["transient/push_4xx"]]);
  }
  expect(witness).toMatchObject({ forbidden: [], allowed: urls.length });
});

it("an endpoint whose name resolves to an address that is not allowed later is not connected to then", async () => {
  const witness = await startWitness();
  const answers = [[allowedAddress], ["127.0.0.1"], [allowedAddress, "10.0.0.1"]];
  const push = await pusher(witness.port, () => Promise.resolve(answers.shift()!));
  const endpoint = (index: number) => `http://push.example.test:${witness.port}/${index}`;
  expect(await push(endpoint(0))).toEqual(["sent"]);
  expect(await push(endpoint(1))).toEqual(["permanent/address_not_allowed"]);
  expect(await push(endpoint(2))).toEqual(["permanent/address_not_allowed"]);
  expect(witness).toMatchObject({ forbidden: [], allowed: 1 });
});
