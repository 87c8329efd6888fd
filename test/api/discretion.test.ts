import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, apiKey, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

/** What must be found nowhere but in the database: each stands somewhere in what is sent below. */
const told = {
  address: "ada.secretly@example.org",
  name: "Lovelace-Unheard-Of",
  phone: "+441632960961",
  attribute: "has-a-hidden-illness",
  data: "sign-in-code-815-4711",
  subject: "A subject nobody reads",
  idempotencyKey: "idempotency-of-ada",
  wrongKey: "tdg_wrong-key-that-is-guessed-by-somebody",
  agent: "browser-of-ada/1.0",
} as const;

const headers = {
  "idempotency-key": told.idempotencyKey,
  "x-request-id": told.address,
  "user-agent": told.agent,
  cookie: `session=${told.data}`,
  referer: `https://example.org/?email=${told.address}`,
};

let api: Api;
const secrets: string[] = [apiKey];
beforeAll(async () => {
  api = await startApi({ config: { bodyLimitBytes: 20_000 } });
  await seed(api, 2);
});
afterAll(() => api.stop());

interface Entry {
  level: string;
  msg: string;
  requestId?: string;
  method?: string;
  route?: string;
  status?: number;
  ms?: number;
  caller?: string | null;
  problem?: string;
  error?: { name: string; stack: string };
}

const entries = () => api.logged.map((line) => JSON.parse(line) as Entry);

/** Expects that the text contains no secret value, plain or encoded. */
function expectDiscreet(text: string) {
  const plain = `${text}\n${decodeURIComponent(text.replaceAll(/%(?![0-9a-f]{2})/gi, "%25"))}`;
  for (const [what, value] of [...Object.entries(told), ...secrets.map((s) => ["a key", s])])
    expect([what, plain.includes(value!)]).toEqual([what, false]);
}

const recipient = {
  email: told.address,
  phone: told.phone,
  attributes: { name: told.name, note: told.attribute },
};
const path = `/v1/recipients/${encodeURIComponent(told.address)}`;

/** Requests that go well, and that fail in each way there is, with something to hide in every place. */
async function driveIt() {
  const { send } = api;
  const made = await makeKey(api, { role: "sender" });
  secrets.push(made.secret, made.secret.slice(0, 12));
  await send("PUT", path, recipient, headers);
  await send("GET", path, undefined, headers);
  await send("PUT", path, { ...recipient, timeZone: told.name, [told.attribute]: 1 }, headers);
  await send("PUT", path, `{"email": "${told.address}"`, headers);
  await send("GET", `${path}?search=${told.address}&${told.attribute}=${told.name}`);
  await send("GET", `/v1/recipients?search=${encodeURIComponent(told.address)}&limit=${told.data}`);
  await send("GET", `/${told.address}/${told.name}?q=${told.data}`);
  await send("POST", path, recipient);
  await send("PUT", path, { ...recipient, attributes: { long: told.name.repeat(2_000) } });
  await api.app.request(path, { headers: { authorization: `Bearer ${told.wrongKey}` } });
  await api.app.request(path, { headers: { authorization: `Basic ${btoa(told.name)}` } });
  await send("POST", "/v1/recipients/import", `{"externalId":"${told.address}","email":1}\nnot`, {
    "content-type": "application/x-ndjson",
  });
  await send("POST", "/v1/templates", {
    ...sampleTemplate,
    key: "discreet",
    content: { email: { subject: told.subject, html: `<p>${told.data}</p>{{ ${told.name}` } },
  });
  await send("POST", "/v1/templates/order-shipped/preview", {
    recipient: told.address,
    data: { order: told.data },
  });
  const notify = (body: object) => send("POST", "/v1/notifications", body, headers);
  const template = { key: "order-shipped" };
  const data = { order: told.data };
  await notify({ recipients: [told.address], template, data });
  await notify({ recipients: [told.address], template, data: { order: told.name } });
  await notify({ recipients: [told.address, told.name], template, data });
  await notify({ recipients: [told.address], template, data: { [told.name]: told.data } });
  await send("POST", "/v1/campaigns", {
    name: told.name,
    template,
    audience: { where: { attribute: "note", equals: told.attribute } },
    data,
  });
  const where = { attribute: "note", equals: told.attribute };
  await send("POST", "/v1/segments", { key: "theirs", name: told.name, filter: where });
  await send("POST", "/v1/segments/preview", { filter: { where, [told.name]: told.data } });
  await send("POST", "/v1/segments/preview", { filter: { all: [where, told.address] } });
  await send("GET", `/v1/segments/${told.address}/count`);
  await send("POST", "/v1/recipients/bulk", [
    { externalId: told.address, ...recipient },
    told.name,
  ]);
  await send("POST", "/v1/suppressions", {
    channel: "email",
    address: told.address,
    note: told.data,
  });
  await send("GET", `/v1/suppressions?search=${told.address}`);
  await send("GET", `/v1/deliveries?recipient=${told.address}&status=${told.name}`);
  await send("POST", "/v1/deliveries/retry", {
    where: { recipient: told.address },
    [told.name]: 1,
  });
  await send("POST", "/v1/templates/order-shipped/test", { recipient: told.address, data });
  await send("GET", `/v1/audit?actor=${told.address}&resource=${told.name}`);
  await send("DELETE", path, undefined, headers);
}

/** PostgreSQL refuses with what it was given, in the message, the detail and the hint. */
async function driveErrors() {
  await api.pool.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'cannot take %', NEW.email USING DETAIL = row_to_json(NEW)::text, HINT = NEW.phone;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON recipients FOR EACH ROW EXECUTE FUNCTION refuse()`);
  const refused = await api.send("PUT", path, recipient, headers);
  expect(refused.status).toBe(500);
  expectDiscreet(JSON.stringify(refused.body));
  await api.pool.query("DROP TRIGGER refuse ON recipients");
  await api.pool.query(`
    CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'the row % takes too long', NEW USING ERRCODE = 'query_canceled';
    END $$;
    CREATE TRIGGER hang BEFORE INSERT OR UPDATE ON recipients FOR EACH ROW EXECUTE FUNCTION hang()`);
  expect((await api.send("PUT", path, recipient, headers)).status).toBe(503);
  await api.pool.query("DROP TRIGGER hang ON recipients");
}

describe("a request", () => {
  beforeAll(async () => {
    await driveIt();
    await driveErrors();
  });

  it("leaves nothing personal and no secret in the log", () => {
    expectDiscreet(api.logged.join(""));
    expect(new Set(entries().map(({ level }) => level))).toEqual(
      new Set(["info", "warn", "error"]),
    );
  });

  it("leaves nothing of it in the metrics", async () => {
    expectDiscreet(await api.metrics.registry.metrics());
  });

  it("is logged once, with its id, its route, what it came to and whose key it bore", () => {
    const answered = entries().filter(({ msg }) => msg === "answered");
    const ids = answered.map(({ requestId }) => requestId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(answered).toContainEqual(
      expect.objectContaining({
        level: "info",
        method: "PUT",
        route: "/v1/recipients/:recipient",
        status: 422,
        problem: "invalid",
        caller: "bootstrap",
        ms: expect.any(Number),
      }),
    );
    expect(answered.find(({ status }) => status === 401)).toMatchObject({ caller: null });
  });

  it("that fails here is logged with its id, the error’s code and where it was", () => {
    const failed = entries().find(({ level }) => level === "error");
    expect(failed).toMatchObject({ requestId: expect.any(String), error: { name: /./ } });
    expect(failed!.error!.stack).toContain(" at ");
    const answer = entries().find(
      ({ msg, requestId }) => msg === "answered" && requestId === failed!.requestId,
    );
    expect(answer).toMatchObject({ status: 500, problem: "internal" });
  });
});
