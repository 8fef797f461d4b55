import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CuttingProxy, type Ending, startCuttingProxy } from './support/cutting-proxy.ts';
import { type Crossing, startCrossing } from './support/engine.ts';

const MiB = 1024 * 1024;
/** In memory whole, flowing, and in parts. */
const sizes = { held: 10_000, flowing: 5 * MiB, parts: 20 * MiB };

let crossing: Crossing;
let source: CuttingProxy;
let destination: CuttingProxy;
let accounts: Crossing['accounts'];

beforeAll(async () => {
  crossing = await startCrossing();
  const { engine, from, to } = crossing;
  [source, destination] = (await Promise.all([from, to].map(({ server }) => startCuttingProxy(server.endpoint)))) as [
    CuttingProxy,
    CuttingProxy,
  ];
  accounts = {
    sourceAccountId: await engine.connect({
      ...from.credentials,
      endpoint: source.endpoint,
    } as typeof from.credentials),
    destinationAccountId: await engine.connect({
      ...to.credentials,
      endpoint: destination.endpoint,
    } as typeof to.credentials),
  };
});

afterAll(async () => {
  await crossing?.stop();
  await Promise.all([source?.close(), destination?.close()]);
});

/** Moves one object of each size while answers are cut. What has arrived has arrived whole; those named fail. */
async function move(folder: string, cutting: () => Promise<unknown>, failing: readonly string[] = []): Promise<void> {
  const { engine, from, to } = crossing;
  const sent: Record<string, string> = {};
  for (const [name, size] of Object.entries(sizes)) {
    const hash = await from.put(`${folder}/${name}`, size);
    if (!failing.includes(name)) sent[name] = hash;
  }
  const cut = cutting();
  const { id } = await engine.submit({ ...accounts, sourcePaths: [`source/${folder}/`], destinationPath: 'target/' });
  const row = await engine.ended(id);
  await cut;
  expect(row).toMatchObject({
    objectsVerified: BigInt(Object.keys(sent).length),
    objectsFailed: BigInt(failing.length),
    errorCode: failing.length === 0 ? null : 'ENDPOINT_INVALID',
  });
  expect(await to.hashes(`${folder}/`)).toEqual(sent);
}

const cutSource = (folder: string, ending: Ending) => () =>
  Promise.all(Object.keys(sizes).map((name) => source.cutNext('GET', new RegExp(`/${folder}/${name}`), ending)));

test.each<Ending>(['declared', 'in-head'])('bodies of the source that end too early, %s: are read again', (ending) =>
  move(`from-${ending}`, cutSource(`from-${ending}`, ending)),
);

// How long a part is, its range tells; a store that does not say how long an object is, is none.
test.each<Ending>(['in-chunks', 'with-connection'])(
  'bodies of the source that end too early, %s: parts are read again, of a whole object nothing arrives',
  (ending) => move(`from-${ending}`, cutSource(`from-${ending}`, ending), ['held', 'flowing']),
);

test.each<Ending>(['declared', 'in-chunks', 'with-connection', 'in-head'])(
  'answers of the destination that end too early, %s: every object is there, whole and once',
  (ending) =>
    move(`to-${ending}`, () =>
      Promise.all([
        destination.cutNext('PUT', new RegExp(`/to-${ending}/held`), ending),
        destination.cutNext('PUT', new RegExp(`/to-${ending}/flowing`), ending),
        destination.cutNext('POST', new RegExp(`/to-${ending}/parts\\?.*uploads`), ending),
        destination.cutNext('PUT', new RegExp(`/to-${ending}/parts.*partNumber=2`), ending),
        destination.cutNext('POST', new RegExp(`/to-${ending}/parts\\?.*uploadId`), ending),
      ]),
    ),
  60_000,
);
