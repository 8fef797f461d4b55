import { useQuery } from 'urql';
import type { Account } from '../accounts/account.ts';
import { graphql } from '../graphql/graphql.ts';
import { Losses } from './Fidelity.tsx';
import classes from './PairFidelity.module.css';

const TransferFidelityQuery = graphql(`
  query TransferFidelity($source: ID!, $destination: ID!) {
    transferFidelity(sourceAccountId: $source, destinationAccountId: $destination) {
      code
      message
    }
  }
`);

interface PairFidelityProps {
  source: Account | undefined;
  destination: Account | undefined;
}

/** What the two chosen clouds do not keep, told before anything is ordered. */
export function PairFidelity({ source, destination }: PairFidelityProps) {
  const [{ data }] = useQuery({
    query: TransferFidelityQuery,
    variables: { source: source?.id ?? '', destination: destination?.id ?? '' },
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
