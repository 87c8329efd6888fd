import { api } from "./client.ts";
import { answerOf } from "./problem.ts";
import { askForProof } from "./proof.ts";

/**
 * Downloads what an address answers, as the file that the API names. If the session needs a proof, the person is asked for it first, because the browser
 * sends the request of a download by itself.
 */
export async function downloadWithProof(url: string): Promise<void> {
  const { provenUntil } = await answerOf(api.v1.session.$get());
  if (provenUntil === null && !(await askForProof())) return;
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  link.click();
}
