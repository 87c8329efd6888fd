-- The deliveries of later stages count too once they are removed. Those removed so far were of campaigns without routes.
-- AlterTable
ALTER TABLE "archived_deliveries" DROP CONSTRAINT "archived_deliveries_pkey",
ADD COLUMN     "leg" TEXT NOT NULL DEFAULT 'primary',
ADD COLUMN     "route_id" INTEGER NOT NULL DEFAULT 0,
ADD CONSTRAINT "archived_deliveries_pkey" PRIMARY KEY ("campaign_id", "leg", "route_id", "status");
