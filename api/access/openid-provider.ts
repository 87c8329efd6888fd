import * as openid from "openid-client";
import { type OperatorRole, operatorRoles } from "../../domain/role.ts";
import { cutText, oneLine } from "../../domain/text.ts";
import type { OutboundClient } from "../../lib/outbound/client.ts";
import { Problem } from "../http/problem.ts";
import { proofMs } from "../http/proof.ts";
import type { OpenIdSettings } from "../http/router.ts";

/** What binds an answer of the provider to the browser that asked. */
export interface SignInSecrets {
  state: string;
  nonce: string;
  verifier: string;
}

/** A person whom the provider has identified. */
export interface Identified {
  issuer: string;
  subject: string;
  name: string;
  role: OperatorRole;
  /** When the person proved to the provider who they are; null if the provider does not say. */
  provenAt: Date | null;
}

const providerFault = () =>
  new Problem(
    "unavailable",
    "The OpenID provider does not answer as it should. Try again later, or sign in with an API key.",
    { headers: { "Retry-After": "5" } },
  );

/** Signs people in by the authorization code flow of OpenID Connect with PKCE. */
export class OpenIdProvider {
  readonly #settings: OpenIdSettings;
  readonly #outbound: OutboundClient;
  #configuration: Promise<openid.Configuration> | null = null;

  constructor(settings: OpenIdSettings, outbound: OutboundClient) {
    this.#settings = settings;
    this.#outbound = outbound;
  }

  /**
   * Resolves with the page of the provider to which the browser goes, and what its answer has to match.
   * @param options `isProof` asks the provider to let the person prove who they are, even if it knows them already
   */
  async begin({ isProof }: { isProof: boolean }): Promise<{ url: URL; secrets: SignInSecrets }> {
    const configuration = await this.#configure();
    const secrets = {
      state: openid.randomState(),
      nonce: openid.randomNonce(),
      verifier: openid.randomPKCECodeVerifier(),
    };
    const url = openid.buildAuthorizationUrl(configuration, {
      redirect_uri: this.#settings.redirectUri,
      scope: this.#settings.scopes,
      state: secrets.state,
      nonce: secrets.nonce,
      code_challenge: await openid.calculatePKCECodeChallenge(secrets.verifier),
      code_challenge_method: "S256",
      ...(isProof && { prompt: "login", max_age: String(proofMs / 1_000) }),
    });
    return { url, secrets };
  }

  /**
   * Exchanges the code in the answer of the provider for an ID token, and checks that: its signature, its issuer, its audience, its times and its
   * nonce. Resolves with the person, or null if their groups have no role.
   * @param search the query of the request to the callback route
   */
  async finish(
    search: string,
    { state, nonce, verifier }: SignInSecrets,
  ): Promise<Identified | null> {
    const configuration = await this.#configure();
    const answer = new URL(this.#settings.redirectUri);
    answer.search = search;
    const tokens = await openid
      .authorizationCodeGrant(configuration, answer, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      })
      .catch((error: unknown) => {
        if (error instanceof Problem) throw error;
        if (error instanceof Error && error.cause instanceof Problem) throw error.cause;
        throw new Problem(
          "forbidden",
          "The OpenID provider has not confirmed who you are. Begin again at /console/.",
        );
      });
    const claims = tokens.claims()!;
    const role = this.#roleOf(claims[this.#settings.groupsClaim]);
    if (!role) return null;
    const provenAt = claims.auth_time === undefined ? null : new Date(claims.auth_time * 1_000);
    return { issuer: claims.iss, subject: claims.sub, name: nameOf(claims), role, provenAt };
  }

  /** The most powerful role of the groups in a claim: a list, or a text with one. */
  #roleOf(claim: unknown): OperatorRole | null {
    const groups = new Set<unknown>([...(Array.isArray(claim) ? claim : [claim]), "*"]);
    const own = this.#settings.roles.filter(({ group }) => groups.has(group));
    return operatorRoles.find((role) => own.some((one) => one.role === role)) ?? null;
  }

  /** Reads the configuration of the provider, once it succeeds. */
  async #configure(): Promise<openid.Configuration> {
    this.#configuration ??= this.#discover();
    try {
      return await this.#configuration;
    } catch (error) {
      this.#configuration = null;
      throw error instanceof Problem ? error : providerFault();
    }
  }

  async #discover(): Promise<openid.Configuration> {
    const { issuer, clientId, clientSecret } = this.#settings;
    const configuration = await openid.discovery(
      new URL(issuer),
      clientId,
      {},
      openid.ClientSecretBasic(clientSecret),
      {
        [openid.customFetch]: (url, request) => this.#fetch(url, request),
        // The configuration accepts http for a provider on the loopback only.
        ...(issuer.startsWith("http:") && { execute: [openid.allowInsecureRequests] }),
      },
    );
    openid.enableNonRepudiationChecks(configuration);
    return configuration;
  }

  /** Sends requests as everything that goes out is sent: to allowed addresses only. */
  async #fetch(url: string, { method, headers, body }: openid.CustomFetchOptions) {
    const outcome = await this.#outbound.send({
      url,
      method,
      headers,
      wantedHeaders: ["content-type", "cache-control", "date"],
      ...(body instanceof URLSearchParams && { body: body.toString() }),
    });
    if (outcome.kind !== "answered" || !outcome.complete || outcome.text === null)
      throw providerFault();
    if (outcome.status >= 500) throw providerFault();
    return new Response(outcome.status === 204 ? null : outcome.text, {
      status: outcome.status,
      headers: outcome.headers,
    });
  }
}

function nameOf({ name, preferred_username: username, email, sub }: openid.IDToken): string {
  const given = [name, username, email].find((one) => typeof one === "string" && one !== "");
  return cutText(oneLine((given as string | undefined) ?? sub), 200);
}
