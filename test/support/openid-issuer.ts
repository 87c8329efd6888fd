import { createHash, randomBytes } from "node:crypto";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { listen } from "./listening.ts";

/** What the issuer says of a person, and what is wrong with it. */
interface Person {
  sub: string;
  claims?: Record<string, unknown>;
  fault?: "nonce" | "audience" | "issuer" | "signature" | "expired" | "no-token" | "another-state";
}

interface Granted {
  person: Person;
  nonce: string;
  challenge: string;
  redirectUri: string;
}

/**
 * An OpenID provider for tests, in place of one that cannot run here. It is strict: it refuses everything that a request leaves out or gets wrong, and
 * accepts a code once.
 */
export async function startOpenIdIssuer(client: {
  id: string;
  secret: string;
  redirectUri: string;
}) {
  const keys = await generateKeyPair("RS256");
  const foreign = await generateKeyPair("RS256");
  const granted = new Map<string, Granted>();
  const state = {
    person: { sub: "nobody" } as Person,
    isDown: false,
    refused: [] as string[],
    prompt: null as string | null,
    maxAge: null as string | null,
  };

  const refuse = (why: string, status = 400) => {
    state.refused.push(why);
    return Response.json({ error: "invalid_request", error_description: why }, { status });
  };

  function authorize({ searchParams: query }: URL): Response {
    const wanted: Record<string, RegExp | string> = {
      response_type: "code",
      client_id: client.id,
      redirect_uri: client.redirectUri,
      scope: /^openid( |$)/,
      state: /^[\w-]{20,}$/,
      nonce: /^[\w-]{20,}$/,
      code_challenge: /^[\w-]{43}$/,
      code_challenge_method: "S256",
    };
    for (const [name, form] of Object.entries(wanted)) {
      const values = query.getAll(name);
      const isRight = typeof form === "string" ? values[0] === form : form.test(values[0] ?? "");
      if (values.length !== 1 || !isRight) return refuse(`${name} is ${values.join(" and ")}`);
    }
    state.prompt = query.get("prompt");
    state.maxAge = query.get("max_age");
    const code = randomBytes(16).toString("base64url");
    granted.set(code, {
      person: state.person,
      nonce: query.get("nonce")!,
      challenge: query.get("code_challenge")!,
      redirectUri: client.redirectUri,
    });
    const back = new URL(client.redirectUri);
    back.searchParams.set("code", code);
    back.searchParams.set(
      "state",
      state.person.fault === "another-state" ? "another" : query.get("state")!,
    );
    back.searchParams.set("iss", server.url);
    return Response.redirect(back, 302);
  }

  async function exchange(request: Request): Promise<Response> {
    const [, basic = ""] = (request.headers.get("authorization") ?? "").split("Basic ");
    // Both parts are encoded as in a form (RFC 6749, section 2.3.1).
    const given = new URLSearchParams(atob(basic).replace(":", "="));
    if (given.get(client.id) !== client.secret) return refuse("the client's secret", 401);
    const form = new URLSearchParams(await request.text());
    const code = form.get("code") ?? "";
    const grant = granted.get(code);
    granted.delete(code);
    if (form.get("grant_type") !== "authorization_code" || !grant) return refuse("the code");
    if (form.get("redirect_uri") !== grant.redirectUri) return refuse("the redirect_uri");
    const verifier = form.get("code_verifier") ?? "";
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    if (verifier.length < 43 || challenge !== grant.challenge) return refuse("the code_verifier");
    const tokens = { access_token: "unused", token_type: "Bearer", expires_in: 60 };
    if (grant.person.fault === "no-token") return Response.json(tokens);
    return Response.json({ ...tokens, id_token: await sign(grant) });
  }

  function sign({ person: { sub, claims, fault }, nonce }: Granted): Promise<string> {
    const now = Math.floor(Date.now() / 1_000) - (fault === "expired" ? 7_200 : 0);
    return new SignJWT({ ...claims, nonce: fault === "nonce" ? "another" : nonce })
      .setProtectedHeader({ alg: "RS256", kid: "k1" })
      .setIssuer(fault === "issuer" ? "https://another.example.org" : server.url)
      .setAudience(fault === "audience" ? "another-client" : client.id)
      .setSubject(sub)
      .setIssuedAt(now)
      .setExpirationTime(now + 300)
      .sign(fault === "signature" ? foreign.privateKey : keys.privateKey);
  }

  const server = await listen(async (request) => {
    if (state.isDown) return new Response("down", { status: 500 });
    const url = new URL(request.url);
    switch (`${request.method} ${url.pathname}`) {
      case "GET /.well-known/openid-configuration":
        return Response.json({
          issuer: server.url,
          authorization_endpoint: `${server.url}/authorize`,
          token_endpoint: `${server.url}/token`,
          jwks_uri: `${server.url}/keys`,
          response_types_supported: ["code"],
          subject_types_supported: ["public"],
          id_token_signing_alg_values_supported: ["RS256"],
          code_challenge_methods_supported: ["S256"],
          authorization_response_iss_parameter_supported: true,
        });
      case "GET /authorize":
        return authorize(url);
      case "POST /token":
        return exchange(request);
      case "GET /keys":
        return Response.json({
          keys: [{ ...(await exportJWK(keys.publicKey)), kid: "k1", alg: "RS256", use: "sig" }],
        });
      default:
        return new Response(null, { status: 404 });
    }
  });
  return { url: server.url, state, stop: () => server.close() };
}
