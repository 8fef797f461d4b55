import { afterAll, beforeAll, describe } from 'vitest';
import { createAddressPolicy } from './address-policy.ts';
import { abilities } from './conformance/abilities.ts';
import { conditions } from './conformance/conditions.ts';
import { type Fixture, type Session, startSession } from './conformance/fixture.ts';
import { integrity } from './conformance/integrity.ts';
import { interruptions } from './conformance/interruptions.ts';
import { large } from './conformance/large.ts';
import { listings } from './conformance/listings.ts';
import { names } from './conformance/names.ts';
import { refusals } from './conformance/refusals.ts';
import { roundTrips } from './conformance/round-trips.ts';
import { uploads } from './conformance/uploads.ts';

/**
 * The one suite that every provider passes, against a store that runs. Tests are picked by what the provider declares
 * in `capabilities`, and a declaration is tested both ways: what it declares works, what it does not is refused.
 */
export function conformance(fixture: Fixture): void {
  describe(`${fixture.name} conforms`, { timeout: 30_000 }, () => {
    let session: Session;
    beforeAll(async () => {
      session = await startSession(fixture, createAddressPolicy(['127.0.0.0/8']));
    }, 60_000);
    afterAll(() => session?.close());
    const current = () => session;

    describe('round trips', () => roundTrips(current));
    describe('uploads in parts', () => uploads(current));
    describe('listings', () => listings(current));
    describe('names', () => names(current));
    describe('conditions and versions', () => conditions(current));
    describe('integrity', () => integrity(current));
    describe('interruptions', () => interruptions(current));
    describe('refusals', () => refusals(current));
    describe('beyond reading and writing', () => abilities(current));
    describe('in large', () => large(current));
  });
}
