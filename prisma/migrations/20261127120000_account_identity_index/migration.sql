-- Accounts of one credential share a limit at their cloud: a refusal shows on all of them (storage/cloud-limit.ts).
CREATE INDEX "cloud_account_identity_idx" ON "cloud_account"("identity");
