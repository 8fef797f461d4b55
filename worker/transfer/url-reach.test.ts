import { expect, test } from 'vitest';
import { UrlReach } from './url-reach.ts';

const refused = { code: 'ADDRESS_NOT_ALLOWED' };

test('a URL leads to public addresses, and to those that the operator names', async () => {
  const reach = new UrlReach(['10.1.0.0/16']);
  await reach.assert('https://8.8.8.8/object?signature=a');
  await reach.assert('http://10.1.2.3:9000/object');
  for (const host of ['10.2.0.1', '127.0.0.1', 'localhost', '[::1]', '169.254.169.254', 'nowhere.invalid']) {
    await expect(reach.assert(`http://${host}/object?signature=a`)).rejects.toMatchObject(refused);
  }
});

test('a refusal does not repeat the URL, which is a credential', async () => {
  const refusal = new UrlReach([]).assert('http://127.0.0.1/object?signature=secret');
  await expect(refusal).rejects.toMatchObject({ message: expect.not.stringContaining('secret') });
});
