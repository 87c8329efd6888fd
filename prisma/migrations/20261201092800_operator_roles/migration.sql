-- AlterTable
ALTER TABLE "operators" ADD COLUMN     "role" "role";

-- The role of those who are signed in is known; that of the others is null until they sign in again.
UPDATE "operators" o SET "role" = (
  SELECT s."role" FROM "sessions" s WHERE s."operator_id" = o."id" ORDER BY s."created_at" DESC LIMIT 1
);
