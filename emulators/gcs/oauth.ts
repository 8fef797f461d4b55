import { ConsentError } from './auth/consents.ts';
import { TokenError } from './auth/token-error.ts';
import { receiveText } from './body.ts';
import { GcsError } from './errors.ts';
import { type Exchange, header } from './exchange.ts';
import { sendBody, sendEmpty, sendJson } from './respond.ts';

/** Google's own token endpoints: assertions may name them, whichever address they are sent to. */
const GOOGLE_AUDIENCES = ['https://oauth2.googleapis.com/token', 'https://www.googleapis.com/oauth2/v4/token'];

/** https://developers.google.com/identity/protocols/oauth2/service-account#httprest */
export async function exchangeToken(exchange: Exchange): Promise<void> {
  const form = new URLSearchParams(await receiveText(exchange));
  try {
    const audiences = [`${exchange.origin}/token`, ...GOOGLE_AUDIENCES];
    await sendJson(exchange, exchange.tokens.exchange(form, audiences));
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    await sendJson(exchange, { error: error.code, error_description: error.message }, {}, error.status);
  }
}

/** https://developers.google.com/identity/protocols/oauth2/web-server#creatingclient */
export async function authorize(exchange: Exchange): Promise<void> {
  try {
    const location = exchange.tokens.consents.give(exchange.query, exchange.settings.person);
    sendEmpty(exchange, 302, { location });
  } catch (error) {
    if (!(error instanceof ConsentError)) throw error;
    const page = Buffer.from(`<h1>Access blocked</h1><p>${error.message}</p><p>Error 400: ${error.code}</p>`);
    await sendBody(exchange, 400, { 'content-type': 'text/html; charset=utf-8' }, page.length, [page]);
  }
}

/** https://developers.google.com/identity/openid-connect/openid-connect#obtaininguserprofileinformation */
export async function serveUserInfo(exchange: Exchange): Promise<void> {
  const { email, showsEmail = false } = exchange.identity;
  if (!showsEmail) throw new GcsError('forbidden', 'Request had insufficient authentication scopes.');
  await sendJson(exchange, { sub: '100000000000000000001', email, email_verified: true });
}

/** https://cloud.google.com/compute/docs/access/authenticate-workloads#applications */
export async function serveMetadata(exchange: Exchange): Promise<void> {
  const flavor = { 'metadata-flavor': 'Google' };
  // The header proves that no browser or open proxy asks.
  if (header(exchange, 'metadata-flavor') !== 'Google') return sendEmpty(exchange, 403, flavor);
  const path = exchange.target.split('?')[0]?.slice('/computeMetadata/v1/'.length);
  const email = `machine@${exchange.settings.projectId}.iam.gserviceaccount.com`;
  switch (path) {
    case 'instance/service-accounts/default/token':
      return sendJson(exchange, exchange.tokens.issue({ email, mayWrite: true }), flavor);
    default:
      return sendEmpty(exchange, 404, flavor);
  }
}
