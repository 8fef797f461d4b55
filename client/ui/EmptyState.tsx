import { Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { CloudScene } from './CloudScene.tsx';
import classes from './EmptyState.module.css';

/** An empty list that says why it is empty and what to do first. */
export function EmptyState({ title, children, action }: { title: string; children: ReactNode; action?: ReactNode }) {
  return (
    <div className={classes.empty}>
      <CloudScene ferry={false} />
      <Title order={2} className={classes.title}>
        {title}
      </Title>
      <p className={classes.words}>{children}</p>
      {action}
    </div>
  );
}
