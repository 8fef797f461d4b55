ALTER TABLE "transfer_item" ADD COLUMN "dropped_tags" TEXT[] DEFAULT ARRAY[]::TEXT[];
