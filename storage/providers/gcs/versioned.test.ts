import { gcsFixture } from '../../../test/support/gcs-fixture.ts';
import { conformance } from '../../conformance.ts';

conformance({ name: 'Google Cloud Storage with Object Versioning', ...gcsFixture({ versioning: true }) });
