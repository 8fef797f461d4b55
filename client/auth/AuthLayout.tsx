import type { ReactNode } from 'react';
import { CloudScene } from '../ui/CloudScene.tsx';
import { Logo } from '../ui/Logo.tsx';
import { PageTitle } from '../ui/PageTitle.tsx';
import classes from './AuthLayout.module.css';

interface AuthLayoutProps {
  title: string;
  lead: ReactNode;
  children: ReactNode;
  /** Other ways on, below the form. */
  footer?: ReactNode;
}

/** The quay: the pages before one is signed in. */
export function AuthLayout({ title, lead, children, footer }: AuthLayoutProps) {
  return (
    <div className={classes.page}>
      <main className={classes.form}>
        <div className={classes.logo}>
          <Logo size={40} />
        </div>
        <PageTitle title={title}>{lead}</PageTitle>
        {children}
        {footer === undefined ? null : <div className={classes.footer}>{footer}</div>}
      </main>
      <div className={classes.view} aria-hidden="true">
        <CloudScene />
        <p className={classes.line}>Files from one cloud to another, every byte accounted for.</p>
      </div>
    </div>
  );
}
