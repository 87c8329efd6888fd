-- A key of this role reads /metrics, and nothing else.
ALTER TYPE "role" ADD VALUE 'metrics';

-- What a key is narrowed to; empty: all that its role may do, as for every key so far.
ALTER TABLE "api_keys" ADD COLUMN "scopes" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[];

-- Where the caller of a change was. It is not known of what was changed before.
ALTER TABLE "audit_entries" ADD COLUMN "address" TEXT;
