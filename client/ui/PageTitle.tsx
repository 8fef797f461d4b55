import { Title } from '@mantine/core';
import { type ReactNode, useEffect, useRef } from 'react';
import classes from './PageTitle.module.css';

let pagesShown = 0;

interface PageTitleProps {
  /** Heading, and the document's title before the product's name. */
  title: string;
  /** A line of explanation or facts below the heading. */
  children?: ReactNode;
  /** What one can do with the page's subject; on the right where there is room. */
  actions?: ReactNode;
}

/**
 * A page's heading. Names the document, and takes the focus when the reader came from another page of the app, as a
 * page load would have done.
 */
export function PageTitle({ title, children, actions }: PageTitleProps) {
  const heading = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    document.title = `${title} · Skyferry`;
  }, [title]);

  useEffect(() => {
    pagesShown += 1;
    if (pagesShown === 1) return;
    window.scrollTo(0, 0);
    heading.current?.focus({ preventScroll: true });
  }, []);

  return (
    <div className={classes.bar}>
      <div className={classes.words}>
        <Title order={1} tabIndex={-1} ref={heading} className={classes.heading}>
          {title}
        </Title>
        {children === undefined ? null : <div className={classes.lead}>{children}</div>}
      </div>
      {actions === undefined ? null : <div className={classes.actions}>{actions}</div>}
    </div>
  );
}
