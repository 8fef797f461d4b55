import { trustOwnAuthority } from '../../../test/support/authority.ts';
import { s3Fixture } from '../../../test/support/s3-fixture.ts';
import { conformance } from '../../conformance.ts';

const { tls } = await trustOwnAuthority();

conformance({ name: 'S3 over TLS', ...s3Fixture({ tls }) });
