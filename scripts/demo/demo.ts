import type { ApiClient } from './api-client.ts';
import { type Clouds, type DemoSettings, uploadSample } from './clouds.ts';
import { evidenceText, gatherEvidence } from './evidence.ts';
import {
  currentProgress,
  demoEmail,
  ensureTransfer,
  finalStates,
  followTransfer,
  signIn,
  transferErrors,
} from './first-transfer.ts';
import { formatCount } from './format.ts';
import { ProgressView } from './progress-view.ts';
import { sampleTree } from './sample-tree.ts';

/** Fills the first cloud with those sample files that it does not hold yet. */
export async function fillSource(clouds: Clouds, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const uploaded = await uploadSample(clouds, signal);
  if (uploaded === 0) return;
  say(`Made ${formatCount(uploaded)} of ${formatCount(sampleTree().length)} sample files in the local S3.`);
}

/** Lines that say where the product is and how to sign in, for the terminal. */
export function addressLines(publicUrl: string, demo: DemoSettings | undefined): string[] {
  return [
    `  App         ${publicUrl}`,
    `  Playground  ${publicUrl}/graphql`,
    ...(demo ? [`  Sign in     ${demoEmail}, password ${demo.secrets.demoPassword}`] : []),
  ];
}

/**
 * Runs the first transfer, or finds that an earlier start ran it. Returns whether every object is known to have
 * arrived intact. `verify` reads everything back even when the transfer had ended before.
 */
export async function runDemo(options: {
  settings: DemoSettings;
  clouds: Clouds;
  endpoint: string;
  say: (line: string) => void;
  signal: AbortSignal;
  verify: boolean;
}): Promise<boolean> {
  const { settings, clouds, endpoint, say, signal } = options;
  const api = await signIn(settings, endpoint);
  const { id, found, prefix } = await ensureTransfer(api, settings, clouds);
  const ended = found && finalStates.includes((await currentProgress(api, id)).state);
  if (ended && !options.verify) {
    say('The sample files arrived at an earlier start; its data is in place.');
    return true;
  }
  say(ended ? 'The sample files arrived at an earlier start.' : 'Moving the sample files from S3 to Azure:');
  const startedAt = performance.now();
  const view = new ProgressView(process.stdout);
  const { state } = ended
    ? await currentProgress(api, id)
    : await followTransfer(api, id, (now) => view.show(now), signal);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (!ended) say(`The transfer ended as ${state} after ${seconds} s.`);
  await explain(api, id, state, say);
  say('Reading every object back from both clouds with their own clients:');
  const evidence = await gatherEvidence(clouds, prefix, signal);
  say(evidenceText(evidence));
  return state === 'COMPLETED' && evidence.problems.length === 0;
}

async function explain(api: ApiClient, id: string, state: string, say: (line: string) => void): Promise<void> {
  if (state === 'COMPLETED') return;
  for (const line of await transferErrors(api, id)) say(`  ${line}`);
}
