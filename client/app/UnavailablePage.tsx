import { Button, Title } from '@mantine/core';
import { useEffect } from 'react';
import type { CombinedError } from 'urql';
import { problemOf } from '../graphql/problem.ts';
import { CloudScene } from '../ui/CloudScene.tsx';
import { useAutoRetry } from '../ui/Failure.tsx';
import classes from './FullPage.module.css';

/** Shown instead of the app while its server cannot answer; goes on by itself once it can. */
export function UnavailablePage({ error, retry }: { error: CombinedError; retry: () => void }) {
  const problem = problemOf(error);
  useAutoRetry(error, retry);
  useEffect(() => {
    document.title = 'Skyferry is not available';
  }, []);
  return (
    <main className={classes.page}>
      <CloudScene ferry={false} />
      <div role="alert">
        <Title order={1}>Fog on the water</Title>
        <p className={classes.words}>
          {problem.message}{' '}
          {problem.passing
            ? 'This page keeps trying and opens as soon as it can. Transfers that were running go on by themselves.'
            : problem.remedy}
        </p>
      </div>
      <Button onClick={retry}>Try now</Button>
    </main>
  );
}
