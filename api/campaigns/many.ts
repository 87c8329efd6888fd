import type { Context } from "hono";
import type { Audience } from "../../domain/audience.ts";
import { countAudienceUpTo } from "../../ledger/audience-sample.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import type { ApiEnv } from "../http/context.ts";
import { provenUntil, requireProof } from "../http/proof.ts";
import { segmentsOf } from "../segments/audience.ts";
import type { Services } from "../services.ts";

/** From how many recipients on a session needs a proof of who uses it before a campaign may begin. */
const manyRecipients = 10_000;

/** Refuses to let a campaign begin if its audience is large and the session of the caller has no recent proof. Only then is the audience counted. */
export async function requireProofForMany(
  c: Context<ApiEnv>,
  { clock }: Pick<Services, "clock">,
  tx: Prisma.TransactionClient,
  audience: Audience,
): Promise<void> {
  const session = c.get("session");
  if (!session || provenUntil(session.provenAt, clock())) return;
  const segments = await segmentsOf(tx, audience);
  const count = await countAudienceUpTo(tx, audience, segments, manyRecipients);
  if (count >= manyRecipients) requireProof(session, clock());
}
