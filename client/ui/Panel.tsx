import { Title } from '@mantine/core';
import { type ReactNode, useId } from 'react';
import classes from './Panel.module.css';

interface PanelProps {
  /** Heading of the panel; a panel with one is a region of the page. */
  title?: string;
  /** At the right end of the heading. */
  aside?: ReactNode;
  /** Content that brings its own padding (tables, lists). */
  flush?: boolean;
  children: ReactNode;
}

/** A sheet on the page that holds one subject. */
export function Panel({ title, aside, flush = false, children }: PanelProps) {
  const id = useId();
  const body = <div className={flush ? undefined : classes.body}>{children}</div>;
  if (title === undefined) return <div className={classes.panel}>{body}</div>;
  return (
    <section className={classes.panel} aria-labelledby={id}>
      <div className={classes.head}>
        <Title order={2} id={id}>
          {title}
        </Title>
        {aside}
      </div>
      {body}
    </section>
  );
}
