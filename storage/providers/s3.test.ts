import { s3Fixture } from '../../test/support/s3-fixture.ts';
import { conformance } from '../conformance.ts';

conformance({ name: 'S3', ...s3Fixture() });
