import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, apiKey, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const path = "/v1/recipients/import";

/** Imports a file as bytes, with the type that its sender names. */
async function importing(file: string | Uint8Array, type = "text/csv", query = "", to = path) {
  const response = await api.app.request(`${to}${query}`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": type },
    body: file as string,
  });
  // oxlint-disable-next-line typescript/no-explicit-any
  return { status: response.status, body: (await response.json()) as any };
}
const read = async (id: string) => (await api.send("GET", `/v1/recipients/${id}`)).body;

describe("a file in another character set", () => {
  it.each([
    ["text/csv; charset=iso-8859-1", "latin1"],
    ['TEXT/CSV; header=present; CHARSET="Windows-1252"', "latin1"],
    ["text/csv; charset=utf-16le", "utf16le"],
    ["text/csv;charset=UTF-16", "utf16le"],
    ["text/csv", "utf8"],
  ] as const)("is decoded as it says: %s", async (type, encoding) => {
    const file = Buffer.from("external_id,attributes.name\nset-1,Zoë Müller\n", encoding);
    expect(await importing(file, type)).toMatchObject({ status: 200, body: { imported: 1 } });
    expect((await read("set-1")).attributes.name).toBe("Zoë Müller");
  });

  it("is decoded of NDJSON alike", async () => {
    const file = Buffer.from('{"externalId":"set-2","attributes":{"name":"Zoë"}}\n', "latin1");
    await importing(file, "application/x-ndjson; charset=iso-8859-15");
    expect((await read("set-2")).attributes.name).toBe("Zoë");
  });

  it("is decoded by its byte order mark if no charset is named", async () => {
    const file = Buffer.from("\ufeffexternal_id\tattributes.name\r\nset-3\tZoë\r\n", "utf16le");
    expect((await importing(file)).body).toMatchObject({ imported: 1, failed: 0 });
    expect((await read("set-3")).attributes.name).toBe("Zoë");
    const contradiction = await importing(file, "text/csv; charset=utf-8");
    expect(contradiction.status).toBe(422);
    expect(contradiction.body.errors[0].message).toMatch(/utf-16le.*utf-8/);
  });

  it("names the set and the line of bytes that are none of it", async () => {
    const file = Buffer.from("external_id,attributes.name\nset-4,Zo\u00eb\nset-5,A", "latin1");
    for (const [type, name] of [
      ["text/csv; charset=us-ascii", "us-ascii"],
      ["text/csv", "UTF-8"],
    ])
      expect((await importing(file, type)).body).toMatchObject({
        imported: 1,
        errors: [{ line: 2, field: "", message: expect.stringContaining(`is not valid ${name}`) }],
      });
  });

  it("is answered 415 where the set is not known, which it names beside those that are", async () => {
    for (const type of ["text/csv; charset=utf-7", "application/x-ndjson; charset=klingon"]) {
      const { status, body } = await importing("external_id\n1", type);
      expect(status).toBe(415);
      expect(body.detail).toContain(type.split("=")[1]);
      expect(body.detail).toContain("windows-1252");
    }
  });
});

describe("CSV as programs write it", () => {
  it.each([
    ["semicolons", "external_id;email;attributes.score\nTO;csv@example.org;1,5"],
    [
      "a line that says so",
      "sep=;\r\nexternal_id;email;attributes.score\r\nTO;csv@example.org;1,5",
    ],
    ["tabs", "external_id\temail\tattributes.score\nTO\tcsv@example.org\t1,5"],
    ["carriage returns", "external_id;email;attributes.score\rTO;csv@example.org;1,5\r"],
    ["a delimiter at the end", "external_id;email;attributes.score;\nTO;csv@example.org;1,5;\n"],
    [
      "rows of delimiters",
      "external_id;email;attributes.score\n;;\nTO;csv@example.org;1,5\n;;;;\n",
    ],
    [
      "blanks that nobody sees",
      "\u00a0external_id ; email\u200b;attributes.score\n\u00a0TO ;\u200bcsv@example.org\u00a0;1,5",
    ],
    ["spellings", "External ID;E-mail Address;Attributes.score\nTO;csv@example.org;1,5"],
    ["other spellings", "externalId;EMAIL_ADDRESS;attributes.score\nTO;csv@example.org;1,5"],
    ["Google Contacts' names", "ID;E-mail 1 - Value;attributes.score\nTO;csv@example.org;1,5"],
    ["quotes", '"external_id" ; "email"; "attributes.score"\nTO;"csv@example.org";"1,5"'],
  ])("is read with %s", async (name, file) => {
    const id = `csv-${name.replaceAll(/\W/g, "")}`;
    const { status, body } = await importing(file.replace("TO", id));
    expect([status, body]).toMatchObject([200, { lines: 1, imported: 1, failed: 0 }]);
    expect(await read(id)).toMatchObject({
      externalId: id,
      email: "csv@example.org",
      attributes: { score: "1,5" },
    });
  });

  it("has records that end early, whose other values are left out", async () => {
    await api.send("PUT", "/v1/recipients/short", { email: "short@example.org", locale: "fr" });
    const { body } = await importing("external_id,email,locale\nshort\n");
    expect(body).toMatchObject({ imported: 1, unchanged: 1 });
    expect(await read("short")).toMatchObject({ email: "short@example.org", locale: "fr" });
  });

  it.each([
    [
      "Mailchimp",
      "Contact ID,Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,TAGS",
      { "First Name": "b", "Last Name": "c", MEMBER_RATING: "d", OPTIN_TIME: "e", TAGS: "f" },
    ],
    [
      "HubSpot",
      "Record ID - Contact,Email,First Name,Last Name,Lead Status,Create Date",
      { "First Name": "b", "Last Name": "c", "Lead Status": "d", "Create Date": "e" },
    ],
    ["Salesforce", "Contact ID,Email,Account Name", { "Account Name": "b" }],
    [
      "Outlook",
      "ID,E-mail Address,First Name,Company,E-mail Display Name",
      { "First Name": "b", Company: "c", "E-mail Display Name": "d" },
    ],
  ])(
    "is read with the names of %s, of whom others are attributes",
    async (name, header, attributes) => {
      const cells = [name, `${name}@example.org`, "b", "c", "d", "e", "f"];
      const { body } = await importing(
        `${header}\n${cells.slice(0, header.split(",").length).join(",")}`,
      );
      expect(body).toMatchObject({ imported: 1, failed: 0 });
      expect(await read(name)).toMatchObject({ email: `${name}@example.org`, attributes });
    },
  );

  it.each([
    [
      "no column of ids",
      "Email Address,First Name\n",
      ["external_id", "Email Address", "columns="],
    ],
    ["two columns of one field", "id,external_id,email\n", ['"id"', '"external_id"', "both fill"]],
    ["a column without a name", "external_id,,email\n", ["column 2 has no name"]],
    ["an unknown column", "external_id,favourite\n", ['"favourite"', "attributes.<name>"]],
    [
      "a column of a name that is lost",
      "external_id,attributes.__proto__\n",
      ['"attributes.__proto__"'],
    ],
    [
      "a column of the name of what objects have",
      "external_id,attributes.constructor\n",
      ['"attributes.constructor"'],
    ],
    ["the same by itself", "external_id,prototype\n", ['"prototype"']],
    ["two delimiters", "a;b,c\n", ["sep=;"]],
  ])("is refused for %s, which the answer names", async (_, file, words) => {
    const { status, body } = await importing(file);
    expect(status).toBe(422);
    for (const word of words) expect(body.errors[0].message).toContain(word);
  });
});

describe("columns that the caller names", () => {
  it("fill what they say, are left out, or become attributes", async () => {
    const file = "Kundennummer;Mail;Notiz;Ort;x\nmapped-1;m@example.org;secret;Bonn;y\n";
    const query = "?columns=Kundennummer:externalId,mail:email,Notiz:-,*:attributes";
    const { status, body } = await importing(file, "text/csv", query);
    expect([status, body]).toMatchObject([200, { imported: 1 }]);
    expect(await read("mapped-1")).toMatchObject({
      email: "m@example.org",
      attributes: { Ort: "Bonn", x: "y" },
    });
    expect((await read("mapped-1")).attributes).not.toHaveProperty("Notiz");
  });

  it("may fill two fields, and name attributes", async () => {
    const query =
      "?columns=Email Address:external_id,Email Address:email,First Name:attributes.name";
    await importing("Email Address,First Name\ntwo@example.org,Ada\n", "text/csv", query);
    expect(await read("two@example.org")).toMatchObject({
      email: "two@example.org",
      attributes: { name: "Ada" },
    });
  });

  it.each([
    ["columns=id:password", "columns"],
    ["columns=id:attributes.__proto__", "columns"],
    ["columns=id:attributes.constructor", "columns"],
    ["columns=id", "columns"],
    ["columns=", "columns"],
    ["columns=Nummer:externalId", "columns"],
    ["types=age:integer", "types"],
    ["types=height:number", "types"],
    ["mode=everything", "mode"],
    ["column=id:email", "column"],
  ])("are refused where they cannot be meant: %s", async (query, field) => {
    const { status, body } = await importing("id,attributes.age\n1,2", "text/csv", `?${query}`);
    expect(status).toBe(422);
    expect(body.errors[0]).toMatchObject({ in: "query", field });
  });

  it("are for CSV alone", async () => {
    for (const query of ["columns=id:email", "types=age:number"]) {
      const reply = await importing('{"externalId":"1"}', "application/x-ndjson", `?${query}`);
      expect(reply.status).toBe(422);
      expect(reply.body.errors[0]).toMatchObject({ in: "query", field: query.split("=")[0] });
    }
  });

  it("are understood of suppressions too", async () => {
    const { body } = await importing(
      "Email Address;Grund;First Name;Notes\nSupp1@Example.org;egal;Ada;asked\n",
      "text/csv",
      "?columns=Grund:-",
      "/v1/suppressions/import",
    );
    expect(body).toMatchObject({
      imported: 1,
      created: 1,
      unchanged: 0,
      hints: [{ column: "First Name", message: expect.stringContaining("was ignored") }],
    });
    const { body: found } = await api.send("GET", "/v1/suppressions?address=supp1@example.org");
    expect(found.items).toMatchObject([{ note: "asked", reason: "imported" }]);
  });
});

describe("types of columns", () => {
  it("make numbers, truth and lists of cells, by which filters find people", async () => {
    const file = [
      "external_id;attributes.age;attributes.score;attributes.vip;attributes.tags;attributes.zip",
      'typed-1;40;3,5;yes;"red, ""blue""";01234',
      'typed-2;-1.5e3;0;FALSE;["a,b";"c"];x',
      "typed-3;;;;;",
    ].join("\n");
    const query = "?types=age:number,attributes.score:number,vip:boolean,tags:list";
    const { body } = await importing(
      file.replace('["a,b";"c"]', '"[""a,b"",""c""]"'),
      "text/csv",
      query,
    );
    expect(body).toMatchObject({ imported: 3, failed: 0, hints: [] });
    expect((await read("typed-1")).attributes).toEqual({
      age: 40,
      score: 3.5,
      vip: true,
      tags: ["red", "blue"],
      zip: "01234",
    });
    expect((await read("typed-2")).attributes).toMatchObject({
      age: -1500,
      vip: false,
      tags: ["a,b", "c"],
    });
    expect((await read("typed-3")).attributes).toEqual({});
    const found = async (filter: object) =>
      (await api.send("POST", "/v1/segments/preview", { filter })).body.sample.map(
        (item: { externalId: string }) => item.externalId,
      );
    expect(await found({ attribute: "age", atLeast: 40 })).toEqual(["typed-1"]);
    expect(await found({ attribute: "tags", includes: "blue" })).toEqual(["typed-1"]);
  });

  it("name a cell that is none, or that would not be kept exactly", async () => {
    const file = [
      "external_id,attributes.n,attributes.b",
      "typed-4,9007199254740993,",
      'typed-4,"1,234",',
      "typed-4,forty,",
      "typed-4,,maybe",
    ].join("\n");
    const { body } = await importing(file, "text/csv", "?types=n:number,b:boolean");
    expect(body).toMatchObject({ imported: 0, failed: 4 });
    expect(body.errors).toEqual([
      { line: 2, field: "attributes.n", message: expect.stringContaining("exactly") },
      { line: 3, field: "attributes.n", message: expect.stringContaining("thousands") },
      { line: 4, field: "attributes.n", message: expect.stringContaining("number") },
      { line: 5, field: "attributes.b", message: expect.stringContaining("true or false") },
    ]);
  });

  it("are hinted at where a column of text holds only numbers", async () => {
    const file =
      "external_id,attributes.age,attributes.zip,attributes.ok,attributes.mixed\nh1,40,01234,true,1\nh2,,12345,false,x\n";
    const { body } = await importing(file);
    expect(body.hints).toEqual([
      { column: "attributes.age", message: expect.stringContaining("?types=age:number") },
      { column: "attributes.ok", message: expect.stringContaining("?types=ok:boolean") },
    ]);
    expect((await read("h1")).attributes.age).toBe("40");
  });
});
