import { z } from "zod";

const deadlineMs = 10_000;
const made = z.object({ code: z.string() });

/**
 * Makes a link that signs a browser on this machine in to the console, once and within ten minutes. The code is in the fragment, which browsers do not
 * send. Resolves with the plain address of the console if the API makes no code.
 */
export async function makeSignInLink(apiUrl: string, apiKey: string): Promise<string> {
  try {
    const response = await fetch(`${apiUrl}/v1/sign-in-codes`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(deadlineMs),
    });
    return `${apiUrl}/console/#code=${made.parse(await response.json()).code}`;
  } catch {
    return `${apiUrl}/console/`;
  }
}
