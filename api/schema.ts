import { builder } from './builder.ts';
import './types/scalars.ts';
import './types/error.ts';
import './types/instance.ts';
import './types/user.ts';
import './types/session.ts';
import './types/password.ts';
import './types/cloud-account.ts';
import './types/account-credentials.ts';
import './types/account-oauth.ts';
import './types/account-mutations.ts';
import './types/transfer.ts';
import './types/transfer-item.ts';
import './types/plan-estimate.ts';
import './types/path-manifest.ts';
import './types/transfer-error-group.ts';
import './types/transfer-report.ts';
import './types/transfer-mutations.ts';
import './types/transfer-follow-up.ts';
import './types/transfer-schedule.ts';
import './types/subscriptions.ts';

/** The executable schema of the public API, in the order of the code: states by their course, evidence by its strength. */
export const schema = builder.toSchema({ sortSchema: false });
