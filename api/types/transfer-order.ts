import type { CloudAccount } from '../../core/db.ts';
import { AppError } from '../../core/errors.ts';
import { parseName } from '../../core/text.ts';
import { parseDestination } from '../../queue/path.ts';
import { minBandwidthLimit, type SubmitTransfer } from '../../queue/transfer.ts';
import type { builder } from '../builder.ts';
import { type Context, viewerOf } from '../context.ts';
import { ownAccount } from './cloud-account.ts';
import { TransferPriority } from './transfer.ts';
import { givenOptions, TransferMode, TransferOptionsInput } from './transfer-options.ts';

/** Longest name of a transfer, in characters. */
const maxNameLength = 200;

type InputFields = Parameters<NonNullable<Parameters<typeof builder.inputType>[1]['fields']>>[0];

/** What every order of a transfer says. */
export const orderFields = (t: InputFields) => ({
  sourceAccountId: t.id({ required: true, description: 'Account to read.' }),
  sourcePaths: t.stringList({
    required: true,
    description:
      '1 to 1000 paths: "bucket/key" an object, "bucket/folder/" a folder with all below it, "bucket/" all of a bucket.',
  }),
  destinationAccountId: t.id({ required: true, description: 'Account to write.' }),
  destinationPath: t.string({
    required: true,
    description: '"bucket/" or "bucket/folder/". Objects and folders arrive below it under their own last names.',
  }),
  name: t.string({ description: 'Name of the transfer, at most 200 characters. Absent: made from the paths.' }),
  mode: t.field({ type: TransferMode, defaultValue: 'COPY', description: 'What is done with the objects.' }),
  options: t.field({ type: TransferOptionsInput, description: 'Further choices. Absent: as their descriptions say.' }),
  priority: t.field({
    type: TransferPriority,
    defaultValue: 'NORMAL',
    description: 'How it is preferred among others that wait.',
  }),
  bandwidthLimit: t.field({
    type: 'ByteSize',
    description: `Bytes a second that pass through workers at the most, over all of them together; at least ${minBandwidthLimit}. Absent or null: no limit.`,
  }),
});

interface OrderInput {
  sourceAccountId: string | number;
  sourcePaths: string[];
  destinationAccountId: string | number;
  destinationPath: string;
  name?: string | null | undefined;
  mode?: SubmitTransfer['mode'] | null;
  options?: Parameters<typeof givenOptions>[0];
  priority?: SubmitTransfer['priority'] | null;
  bandwidthLimit?: bigint | null | undefined;
}

/** The order as the viewer may give it. Throws NOT_FOUND for an account that is somebody else's, INVALID_INPUT. */
export async function orderOf(context: Context, input: OrderInput): Promise<SubmitTransfer> {
  const source = await ownAccount(context, String(input.sourceAccountId), 'sourceAccountId');
  const destination = await ownAccount(context, String(input.destinationAccountId), 'destinationAccountId');
  await assertDestinationHolds(context, destination, input.destinationPath);
  return {
    userId: viewerOf(context).id,
    sourceAccountId: source.id,
    destinationAccountId: destination.id,
    sourcePaths: input.sourcePaths,
    destinationPath: input.destinationPath,
    name: parseTransferName(input.name),
    mode: input.mode ?? undefined,
    options: givenOptions(input.options),
    priority: input.priority ?? undefined,
    bandwidthLimit: input.bandwidthLimit ?? undefined,
  };
}

/** Of a new transfer or schedule: without one, or with a blank one, it is named by its paths. */
function parseTransferName(text: string | null | undefined): string | undefined {
  return text == null || text.trim() === '' ? undefined : parseName(text, maxNameLength);
}

/** Of one that has a name: absent or null leaves it. A blank one is INVALID_INPUT. */
export function parseNewName(text: string | null | undefined): string | undefined {
  return text == null ? undefined : parseName(text, maxNameLength);
}

/** Throws INVALID_INPUT for a folder in which the destination can hold nothing; what it cannot hold else, each object tells. */
async function assertDestinationHolds(context: Context, destination: CloudAccount, path: string): Promise<void> {
  if (destination.status === 'DISCONNECTED') return;
  const { key } = parseDestination(path, ['destinationPath']);
  await context.services.providers.use(destination, async (provider) => {
    try {
      provider.checkName(`${key}object`);
    } catch (cause) {
      const reason = cause instanceof AppError ? cause.message : 'The destination cannot hold this folder.';
      throw new AppError('INVALID_INPUT', `${reason} Choose another folder.`, { field: ['destinationPath'], cause });
    }
  });
}
