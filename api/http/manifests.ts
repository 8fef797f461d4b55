import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../../core/errors.ts';
import { keepManifest, maxManifestBytes, parseManifest } from '../../queue/manifest.ts';
import { audit } from '../audit.ts';
import { encodeGlobalId } from '../global-id.ts';
import type { Services } from '../services.ts';
import { type Caller, sendError, sendWrongMethod, signedIn } from './caller.ts';
import { sendJson } from './health.ts';

/** Where manifests are uploaded to. */
export const manifestsPath = '/manifests';

/** Handing over a long one takes many statements. */
const keeping = { timeout: 60_000 };

/**
 * Keeps a manifest that somebody signed in uploads as plain text (queue/manifest.ts), and answers with its id for
 * `filter.manifest`. Apart from GraphQL, whose bodies are shorter. The same paths are kept once, so a repetition does no
 * harm.
 */
export async function answerManifestUpload(
  services: Services,
  request: IncomingMessage,
  response: ServerResponse,
  caller: Caller,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.setHeader('cache-control', 'no-store');
  try {
    if (request.method !== 'POST') {
      sendWrongMethod(response, ['POST']);
      return;
    }
    const context = await signedIn(services, request, response, caller, gone.signal);
    const paths = await parseManifest(bodyOf(request));
    const { id, pathCount } = await services.db.$transaction(async (tx) => {
      const kept = await keepManifest(tx, context.viewer.id, paths);
      await audit(tx, context, 'manifest.upload', { type: 'path-manifest', id: kept.id });
      return kept;
    }, keeping);
    sendJson(response, 200, { id: encodeGlobalId('PathManifest', id), pathCount });
  } catch (error) {
    if (gone.signal.aborted) return;
    // What was not read of the body cannot be told from a next request.
    response.setHeader('connection', 'close');
    sendError(response, error, caller);
  }
}

/** The body as it arrives. Throws INVALID_INPUT beyond the bound. */
async function* bodyOf(request: IncomingMessage): AsyncGenerator<Buffer, void> {
  const tooLarge = () =>
    new AppError('INVALID_INPUT', `A manifest has at most ${maxManifestBytes / 1024 ** 2} MiB. Split it.`);
  if (Number(request.headers['content-length'] ?? 0) > maxManifestBytes) throw tooLarge();
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > maxManifestBytes) throw tooLarge();
    yield chunk;
  }
}
