import { type Loss, type LossCode, lossCodes } from '../../storage/fidelity.ts';
import { builder } from '../builder.ts';
import { encodeGlobalId } from '../global-id.ts';
import { terminalStates } from '../live/transfer-feed.ts';
import { downloadPath } from '../reports/documents.ts';
import { fidelityOfTransfer, transferFidelity } from '../reports/report.ts';
import { ownAccount } from './cloud-account.ts';
import { Transfer } from './transfer.ts';

const lossDescriptions = {
  USER_METADATA: 'Names and values that a writer gave to an object.',
  CONTENT_HEADERS: 'Content type, encoding, language, disposition and cache control.',
  TAGS: 'Tags of objects.',
  MODIFICATION_TIME: 'The modification time.',
  MODIFICATION_TIME_PRECISION: 'The modification time, beyond what the destination can tell apart.',
  NAME_CASE: 'The difference between names that differ only by case.',
  NAME_LENGTH: 'Objects whose names are too long for the destination.',
} as const satisfies Record<LossCode, string>;

const FidelityLossCode = builder.enumType('FidelityLossCode', {
  description: 'What may not survive the way from one cloud to another.',
  values: Object.fromEntries(lossCodes.map((code) => [code, { description: lossDescriptions[code] }])) as Record<
    LossCode,
    { description: string }
  >,
});

const FidelityLoss = builder.objectRef<Loss>('FidelityLoss').implement({
  description: 'Something that the destination does not keep as the source has it.',
  fields: (t) => ({
    code: t.expose('code', { type: FidelityLossCode, description: 'What it is, for programs.' }),
    message: t.exposeString('message', { description: 'What it is and what happens instead, for people.' }),
  }),
});

builder.queryField('transferFidelity', (t) =>
  t.field({
    type: [FidelityLoss],
    nullable: true,
    description:
      "What a transfer between two of the viewer's accounts would not keep, whatever the objects are; that some tags do not fit, where `tags` is true. null: not known of one of them; `testAccount` finds out. NOT_FOUND for an account that is not the viewer's.",
    complexity: 2,
    authScopes: { signedIn: true },
    args: {
      sourceAccountId: t.arg.id({ required: true, description: 'Account to read.' }),
      destinationAccountId: t.arg.id({ required: true, description: 'Account to write.' }),
      tags: t.arg.boolean({ defaultValue: false, description: 'Whether tags are to travel, as `keep.tags` orders.' }),
    },
    resolve: async (_root, args, context) =>
      transferFidelity(
        await ownAccount(context, String(args.sourceAccountId), 'sourceAccountId'),
        await ownAccount(context, String(args.destinationAccountId), 'destinationAccountId'),
        { tags: args.tags ?? false },
      ),
  }),
);

const ReportFormat = builder.enumType('ReportFormat', {
  description: 'How a report is written.',
  values: {
    CSV: {
      description:
        'For spreadsheets (RFC 4180). Text that a spreadsheet would take for a formula has an apostrophe before it.',
    },
    JSON_LINES: { description: 'For programs: a JSON object a line, exact. Receipts are verified against it.' },
  } as const,
});

builder.prismaObjectFields(Transfer, (t) => ({
  fidelity: t.field({
    type: [FidelityLoss],
    nullable: true,
    description:
      'What this pair of accounts does not keep, whatever the objects are; that some tags do not fit, where tags are to travel. Empty for a comparison. null: not known of one of them; `testAccount` finds out.',
    complexity: 2,
    resolve: async (transfer, _args, { services }) => {
      // Prisma makes one query of those of a moment.
      const capabilitiesOf = (id: string) =>
        services.db.cloudAccount.findUniqueOrThrow({ where: { id }, select: { capabilities: true } });
      const [source, destination] = await Promise.all([
        capabilitiesOf(transfer.sourceAccountId),
        capabilitiesOf(transfer.destinationAccountId),
      ]);
      return fidelityOfTransfer(transfer, source, destination);
    },
  }),
  report: t.field({
    type: 'URL',
    nullable: true,
    description:
      'Where its owner downloads the report: facts, what the pair does not keep, every object, and as the last line the end. Takes the same session as the API. null: it has not ended.',
    args: { format: t.arg({ type: ReportFormat, required: true, description: 'How the report is written.' }) },
    resolve: ({ id, state }, { format }, { services }) =>
      terminalStates.includes(state)
        ? new URL(services.publicUrl + downloadPath(encodeGlobalId('Transfer', id), format))
        : null,
  }),
  receipt: t.field({
    type: 'URL',
    nullable: true,
    description:
      'Where its owner downloads the receipt: JSON signed with Ed25519 over the hash of all completed objects of this end of the transfer. Takes the same session as the API. null: it has not ended.',
    resolve: ({ id, state }, _args, { services }) =>
      terminalStates.includes(state)
        ? new URL(services.publicUrl + downloadPath(encodeGlobalId('Transfer', id), 'RECEIPT'))
        : null,
  }),
}));
