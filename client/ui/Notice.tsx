import { IconAlertTriangle, IconCircleCheck, IconInfoCircle } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import classes from './Notice.module.css';

interface NoticeProps {
  tone: 'info' | 'good' | 'warn' | 'bad';
  title?: string;
  children?: ReactNode;
  /** A button or link that helps. */
  action?: ReactNode;
  /** Read out at once when it appears (`assertive` for what stops the reader, `polite` for news). */
  announce?: 'assertive' | 'polite';
}

const icons = { info: IconInfoCircle, good: IconCircleCheck, warn: IconAlertTriangle, bad: IconAlertTriangle } as const;

/** A message on the page itself, where it belongs: tone by icon and words, never by colour alone. */
export function Notice({ tone, title, children, action, announce }: NoticeProps) {
  const Icon = icons[tone];
  const role = announce === 'assertive' ? 'alert' : announce === 'polite' ? 'status' : undefined;
  return (
    <div className={classes.notice} data-tone={tone} role={role}>
      <Icon size={20} aria-hidden className={classes.icon} />
      <div className={classes.words}>
        {title === undefined ? null : <div className={classes.title}>{title}</div>}
        {children}
      </div>
      {action}
    </div>
  );
}
