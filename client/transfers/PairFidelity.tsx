import { useQuery } from 'urql';
import type { Account } from '../accounts/account.ts';
import { graphql } from '../graphql/graphql.ts';
import { Losses } from './Fidelity.tsx';
import classes from './PairFidelity.module.css';

const TransferFidelityQuery = graphql(`
  query TransferFidelity($source: ID!, $destination: ID!, $tags: Boolean!) {
    transferFidelity(sourceAccountId: $source, destinationAccountId: $destination, tags: $tags) {
      code
      message
    }
  }
`);

interface PairFidelityProps {
  source: Account | undefined;
  destination: Account | undefined;
  /** Whether tags are to travel. */
  tags: boolean;
}

/** What the two chosen clouds do not keep, told before anything is ordered. */
export function PairFidelity({ source, destination, tags }: PairFidelityProps) {
  const [{ data }] = useQuery({
    query: TransferFidelityQuery,
    variables: { source: source?.id ?? '', destination: destination?.id ?? '', tags },
    pause: source === undefined || destination === undefined,
  });
  const losses = source === undefined || destination === undefined ? [] : (data?.transferFidelity ?? []);
  if (losses.length === 0) return null;
  return (
    <div>
      <div className={classes.label}>
        Not kept from {source?.name} to {destination?.name}
      </div>
      <Losses losses={losses} />
    </div>
  );
}
