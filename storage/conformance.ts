import { afterAll, beforeAll, describe } from 'vitest';
import { abilities } from './conformance/abilities.ts';
import { conditions } from './conformance/conditions.ts';
import {
  type Fixture,
  type Locally,
  type LocalSession,
  type RemoteFixture,
  type Session,
  startLocalSession,
  startRemoteSession,
} from './conformance/fixture.ts';
import { integrity } from './conformance/integrity.ts';
import { interruptions } from './conformance/interruptions.ts';
import { large } from './conformance/large.ts';
import { listings } from './conformance/listings.ts';
import { names } from './conformance/names.ts';
import { refusals } from './conformance/refusals.ts';
import { roundTrips } from './conformance/round-trips.ts';
import { tags } from './conformance/tags.ts';
import { uploads } from './conformance/uploads.ts';

/**
 * The one suite that every provider passes, against a store that runs. Tests are picked by what the provider declares
 * in `capabilities`, and a declaration is tested both ways: what it declares works, what it does not is refused.
 */
export function conformance(fixture: Fixture): void {
  suite<LocalSession>(
    fixture.name,
    () => startLocalSession(fixture),
    (current) => (_group, declare) => declare(current),
  );
}

/**
 * The same against a person's account at a cloud, without what needs a store on this machine: a proxy that spoils
 * exchanges, wrong credentials, plain HTTP.
 */
export function remoteConformance(fixture: RemoteFixture): void {
  suite<Session>(
    fixture.name,
    () => startRemoteSession(fixture),
    () => (group) => fixture.onLeftOut(group),
    fixture.patience,
  );
}

function suite<Started extends Session>(
  name: string,
  start: () => Promise<Started>,
  toLocally: (current: () => Started) => Locally,
  patience = 1,
): void {
  describe(`${name} conforms`, { timeout: 30_000 * patience }, () => {
    let session: Started;
    beforeAll(async () => {
      session = await start();
    }, 60_000 * patience);
    afterAll(() => session?.close());
    const current = () => session;
    const locally = toLocally(current);

    describe('round trips', () => roundTrips(current));
    describe('uploads in parts', () => uploads(current, locally));
    describe('tags', () => tags(current, locally));
    describe('listings', () => listings(current, patience));
    describe('names', () => names(current));
    describe('conditions and versions', () => conditions(current));
    describe('integrity', () => integrity(current, locally));
    describe('interruptions', () => interruptions(current, locally));
    describe('refusals', () => refusals(current, locally));
    describe('beyond reading and writing', () => abilities(current, locally));
    describe('in large', () => large(current, patience));
  });
}
