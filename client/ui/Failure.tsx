import { Button } from '@mantine/core';
import { useEffect, useEffectEvent, useState } from 'react';
import type { CombinedError } from 'urql';
import { backOffMs } from '../graphql/live-client.ts';
import { problemOf } from '../graphql/problem.ts';
import { Notice } from './Notice.tsx';

/** Asks again by itself, with back-off, while `error` is of a kind that may pass. */
export function useAutoRetry(error: CombinedError | undefined, retry: () => void): void {
  const [tries, setTries] = useState(0);
  const passing = error !== undefined && problemOf(error).passing;
  const again = useEffectEvent(retry);

  useEffect(() => {
    if (error === undefined) setTries(0);
  }, [error]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each new error plans the next try
  useEffect(() => {
    if (!passing) return;
    const timer = setTimeout(
      () => {
        setTries((count) => count + 1);
        again();
      },
      backOffMs(tries + 1),
    );
    return () => clearTimeout(timer);
  }, [passing, error]);
}

/** What could not be loaded, why, and what to do; tries again by itself where that can help. */
export function Failure({ error, what, retry }: { error: CombinedError; what: string; retry: () => void }) {
  const problem = problemOf(error);
  useAutoRetry(error, retry);
  return (
    <Notice
      tone="bad"
      announce="assertive"
      title={`${what} could not be loaded`}
      action={
        <Button variant="default" size="compact-md" onClick={retry}>
          Try again
        </Button>
      }
    >
      {problem.message}{' '}
      {problem.code === 'UNREACHABLE'
        ? 'This page tries again by itself. Running transfers are not affected.'
        : problem.remedy}
      {problem.requestId === null ? null : <div className="figures">Request {problem.requestId}</div>}
    </Notice>
  );
}
