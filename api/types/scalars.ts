import { GraphQLError, Kind } from 'graphql';
import { builder } from '../builder.ts';

const dateTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;

function parseDateTime(value: unknown): Date {
  const date = typeof value === 'string' && dateTime.test(value) && isDay(value) ? new Date(value) : undefined;
  if (date === undefined || Number.isNaN(date.getTime())) {
    throw new GraphQLError('A DateTime is text as in 2030-01-31T12:00:00Z, of a day that exists, with a time zone.');
  }
  return date;
}

/** Date takes the 31st of February for the 3rd of March. */
const isDay = (value: string) => new Date(`${value.slice(0, 10)}T00:00Z`).getUTCDate() === Number(value.slice(8, 10));

builder.scalarType('DateTime', {
  description: 'A moment in ISO 8601, answered in UTC with milliseconds: 2030-01-31T12:00:00.000Z.',
  serialize: (value) => value.toISOString(),
  parseValue: parseDateTime,
  parseLiteral: (node) => parseDateTime(node.kind === Kind.STRING ? node.value : null),
});

/** Takes what is below 0 too: whoever asked for it refuses it at its field, with what to do. */
function parseByteSize(value: unknown): bigint {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== 'string' || !/^-?\d{1,19}$/.test(text) || BigInt(text) > 2n ** 63n - 1n) {
    throw new GraphQLError('A ByteSize is a whole number of bytes from 0 to 9223372036854775807, as text.');
  }
  return BigInt(text);
}

builder.scalarType('ByteSize', {
  description: 'A number of bytes, 0 to 9223372036854775807, as decimal text because JSON numbers lose digits.',
  serialize: (value) => value.toString(),
  parseValue: parseByteSize,
  parseLiteral: (node) => parseByteSize(node.kind === Kind.STRING || node.kind === Kind.INT ? node.value : null),
});

const duration = /^P(?!$)(?:(\d+)W)?(?:(\d+)D)?(?:T(?!$)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;
const unitsMs = [7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000] as const;

function parseDuration(value: unknown): number {
  const parts = typeof value === 'string' ? duration.exec(value)?.slice(1) : undefined;
  const ms = parts?.reduce((sum, part, index) => sum + Number(part ?? 0) * (unitsMs[index] ?? 0), 0);
  if (ms === undefined || !Number.isSafeInteger(ms)) {
    throw new GraphQLError('A Duration is text as in P30D, P2W or PT12H30M, without months and years.');
  }
  return ms;
}

function formatDuration(ms: number): string {
  const [days, rest] = [Math.floor(ms / 86_400_000), ms % 86_400_000];
  const time = [
    [Math.floor(rest / 3_600_000), 'H'],
    [Math.floor((rest % 3_600_000) / 60_000), 'M'],
    [Math.floor((rest % 60_000) / 1_000), 'S'],
  ] as const;
  const written = time.flatMap(([count, unit]) => (count > 0 ? `${count}${unit}` : [])).join('');
  if (written === '') return `P${days}D`;
  return `P${days > 0 ? `${days}D` : ''}T${written}`;
}

builder.scalarType('Duration', {
  description:
    'A length of time in ISO 8601, of whole weeks, days, hours, minutes and seconds: P30D, P2W, PT12H30M. A day has 24 hours; months and years, which differ in length, are not taken. Answered without weeks.',
  serialize: formatDuration,
  parseValue: parseDuration,
  parseLiteral: (node) => parseDuration(node.kind === Kind.STRING ? node.value : null),
});

builder.scalarType('URL', {
  description: 'An absolute address, such as https://ferry.example.com/a.',
  serialize: (value) => value.href,
  parseValue: () => {
    throw new GraphQLError('A URL is only answered.');
  },
});
