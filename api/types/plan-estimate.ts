import type {
  Cost,
  RequestCounts as Counts,
  PlanEstimate as Estimate,
  SideEstimate,
} from '../../queue/plan-estimate.ts';
import { planEstimateSchema } from '../../queue/plan-estimate.ts';
import { builder } from '../builder.ts';
import { Transfer } from './transfer.ts';
import { toInt } from './transfer-progress.ts';

const RequestCounts = builder.objectRef<Counts>('RequestCounts').implement({
  description:
    'Requests to one cloud, by the classes that clouds charge for. Each is at most the largest Int. Without those that are repeated because something failed, and those for access tokens.',
  fields: (t) => ({
    read: t.int({ description: 'Looks at objects, and reads of their bytes.', resolve: ({ read }) => toInt(read) }),
    write: t.int({
      description: 'Writes of objects and parts, and what begins and completes an upload.',
      resolve: ({ write }) => toInt(write),
    }),
    list: t.int({
      description: 'Pages of listings. The plan itself has made these, and nothing is listed again.',
      resolve: ({ list }) => toInt(list),
    }),
    delete: t.int({ description: 'Deletions.', resolve: (counts) => toInt(counts.delete) }),
    copy: t.int({
      description: 'Copies that the cloud makes by itself, their parts, and fetches from URLs.',
      resolve: ({ copy }) => toInt(copy),
    }),
  }),
});

const TransferCost = builder.objectRef<Cost>('TransferCost').implement({
  description:
    'What a cloud is expected to charge, by the price table of the installation. As shipped, its prices are those of public lists in 2025; its operator edits them. Free allowances, discounts for volume, storage and taxes are not in it. Amounts are decimal text, rounded up at the sixth place.',
  fields: (t) => ({
    currency: t.exposeString('currency', { description: 'ISO 4217, such as USD.' }),
    requests: t.exposeString('requests', { description: 'For requests.' }),
    egress: t.exposeString('egress', { description: 'For bytes that leave the cloud.' }),
    total: t.exposeString('total', { description: 'Both together.' }),
  }),
});

const PlanSideEstimate = builder.objectRef<SideEstimate>('PlanSideEstimate').implement({
  description: 'What a plan asks of one of its accounts.',
  fields: (t) => ({
    requests: t.expose('requests', {
      type: RequestCounts,
      description: 'Requests of the plan itself and of carrying it out.',
    }),
    egressBytes: t.field({
      type: 'ByteSize',
      description: 'Bytes that are read out of the cloud. What it copies by itself does not leave it.',
      resolve: ({ egressBytes }) => BigInt(egressBytes),
    }),
    cost: t.expose('cost', {
      type: TransferCost,
      nullable: true,
      description: 'What they cost. null: the price table has no prices of this store.',
    }),
  }),
});

const DurationBasis = builder.enumType('DurationBasis', {
  description: 'What an expected duration rests on.',
  values: {
    MEASURED: { description: 'On former transfers between the two accounts.' },
    ASSUMED: { description: 'On assumptions that are wide, because there was no such transfer.' },
  } as const,
});

const PlanDuration = builder.objectRef<Estimate['duration']>('PlanDuration').implement({
  description:
    'How long carrying out a plan is expected to take, once it runs and nobody pauses it. Each bound is at most 2147483647, which means 24 days or longer.',
  fields: (t) => ({
    lowMs: t.int({ description: 'Milliseconds, if all goes well.', resolve: ({ lowMs }) => toInt(lowMs) }),
    highMs: t.int({ description: 'Milliseconds, if it goes slowly.', resolve: ({ highMs }) => toInt(highMs) }),
    basis: t.field({
      type: DurationBasis,
      description: 'What this rests on.',
      resolve: ({ measuredTransfers }) => (measuredTransfers > 0 ? 'MEASURED' : 'ASSUMED'),
    }),
    measuredTransfers: t.exposeInt('measuredTransfers', { description: 'How many former transfers it rests on.' }),
  }),
});

const PlanEstimate = builder.objectRef<Estimate>('PlanEstimate').implement({
  description:
    'What carrying out a plan comes to, computed when the plan was complete, with the price table of that moment.',
  fields: (t) => ({
    source: t.expose('source', { type: PlanSideEstimate, description: 'At the account that is read.' }),
    destination: t.expose('destination', {
      type: PlanSideEstimate,
      description: 'At the account that is written.',
    }),
    cost: t.expose('cost', {
      type: TransferCost,
      nullable: true,
      description: 'Of both sides together. null: the price table has no prices of one of them.',
    }),
    duration: t.expose('duration', { type: PlanDuration, description: 'How long it is expected to take.' }),
  }),
});

builder.prismaObjectField(Transfer, 'planEstimate', (t) =>
  t.field({
    type: PlanEstimate,
    nullable: true,
    description:
      'Requests, bytes that leave the clouds, cost and duration of a dry run. null: its plan is not complete, or it was not planned first.',
    select: { planEstimate: true },
    resolve: ({ planEstimate }) => (planEstimate === null ? null : planEstimateSchema.parse(planEstimate)),
  }),
);
