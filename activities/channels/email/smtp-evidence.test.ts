import { expect, it } from "vitest";
import type { SmtpProvider } from "../../../config/smtp.ts";
import { responseLimit } from "../../../domain/delivery/attempt.ts";
import { describeFailure, recordAttempt } from "./smtp-evidence.ts";

const provider: SmtpProvider = {
  kind: "smtp",
  name: "mail",
  host: "mail.example.org",
  port: 25,
  secure: false,
  requireTls: false,
  verifyTls: true,
  auth: null,
  connections: 1,
  messages: null,
  limits: null,
  domains: [],
};

it.each([0, 1])("does not cut a character in two at the end of a long answer: %i", (shift) => {
  const response = `${"x".repeat(shift)}${"😀".repeat(600)}`;
  const verdict = {
    outcome: "permanent",
    failure: "smtp_5xx",
    signal: "answered",
    response,
  } as const;
  const kept = recordAttempt(verdict, provider, { startedAt: 0, finishedAt: 1 }).response!;
  expect(kept).toHaveLength(responseLimit - shift);
  expect(kept).not.toMatch(/\p{Surrogate}/u);
  expect(describeFailure(verdict, provider)).not.toMatch(/\p{Surrogate}/u);
});
