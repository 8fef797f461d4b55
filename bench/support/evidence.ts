import type { Skyferry } from './skyferry.ts';

/** How many objects of a transfer have which evidence, as "source leg, destination leg". */
export type EvidenceCounts = Record<string, number>;

interface Leg {
  kind: string;
  algorithm: string | null;
}

interface Items {
  transfer: {
    items: {
      nodes: { evidence: { source: Leg; destination: Leg } | null }[];
      pageInfo: { hasNextPage: boolean; endCursor: string | null };
    };
  };
}

const query = `query ($id: ID!, $after: String) {
  transfer(id: $id) {
    items(first: 100, after: $after) {
      nodes { evidence { source { kind algorithm } destination { kind algorithm } } }
      pageInfo { hasNextPage endCursor }
    }
  }
}`;

const told = ({ kind, algorithm }: Leg) => (algorithm === null ? kind : `${kind} ${algorithm}`);

/** What the product recorded about each object of a transfer, counted. */
export async function evidenceOf(skyferry: Skyferry, transferId: string): Promise<EvidenceCounts> {
  const counts: EvidenceCounts = {};
  let after: string | null = null;
  do {
    const { transfer }: Items = await skyferry.graphql<Items>(query, { id: transferId, after });
    for (const { evidence } of transfer.items.nodes) {
      const found = evidence === null ? 'none' : `${told(evidence.source)}, ${told(evidence.destination)}`;
      counts[found] = (counts[found] ?? 0) + 1;
    }
    after = transfer.items.pageInfo.hasNextPage ? transfer.items.pageInfo.endCursor : null;
  } while (after !== null);
  return counts;
}

/** Throws unless both legs of every object are the clouds' own word by this hash. */
export function requireHash(counts: EvidenceCounts, algorithm: string): void {
  const wanted = `PROVIDER_HASH ${algorithm}, PROVIDER_HASH ${algorithm}`;
  if (Object.keys(counts).some((found) => found !== wanted)) {
    throw new Error(`Not every object was verified by ${algorithm} on both legs: ${JSON.stringify(counts)}`);
  }
}
