-- Whose a name at the destination is, so that whatever is refused for it can say so.
ALTER TABLE "transfer_name" ADD COLUMN "ordinal" INTEGER;
ALTER TABLE "transfer_item" ADD COLUMN "collides_with" INTEGER;
