import { Button } from '@mantine/core';
import { Link } from 'wouter';
import { CloudScene } from '../ui/CloudScene.tsx';
import { PageTitle } from '../ui/PageTitle.tsx';
import classes from './FullPage.module.css';

/** For an address where nothing lies. `subject` says what was looked for. */
export function NotFoundPage({ subject = 'page' }: { subject?: string }) {
  return (
    <div className={classes.page}>
      <CloudScene />
      <PageTitle title={`No such ${subject}`}>
        It may have been removed, or the address has a slip in it. Nothing is lost: your transfers are one step away.
      </PageTitle>
      <Button component={Link} href="/transfers">
        Go to transfers
      </Button>
    </div>
  );
}
