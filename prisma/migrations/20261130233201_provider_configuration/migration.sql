-- AlterTable
ALTER TABLE "breakers" ADD COLUMN     "configuration" JSONB,
ADD COLUMN     "last_failed_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "gates" ADD COLUMN     "hourly_quota" INTEGER,
ADD COLUMN     "quota_hour" TIMESTAMPTZ(3),
ADD COLUMN     "used_this_hour" INTEGER NOT NULL DEFAULT 0;

-- A gate without a rate, a quota or an instant to open at would grant nothing that it was made for.
ALTER TABLE "gates" DROP CONSTRAINT "gates_limit_something";
ALTER TABLE "gates" ADD CONSTRAINT "gates_limit_something" CHECK (num_nonnulls("permits_per_second", "daily_quota", "hourly_quota", "shut_until") > 0);
