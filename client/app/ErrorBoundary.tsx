import { Button, Title } from '@mantine/core';
import { Component, type ReactNode } from 'react';
import { CloudScene } from '../ui/CloudScene.tsx';
import classes from './FullPage.module.css';

interface ErrorBoundaryProps {
  children: ReactNode;
}

/** Catches what no page expected, so that a slip in one place never leaves a blank screen. */
export class ErrorBoundary extends Component<ErrorBoundaryProps, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <main className={classes.page} role="alert">
        <CloudScene ferry={false} />
        <div>
          <Title order={1}>This page ran aground</Title>
          <p className={classes.words}>
            Something in the app went wrong, on this screen only: transfers run on the server and go on. Reload to
            continue.
          </p>
        </div>
        <Button onClick={() => location.reload()}>Reload</Button>
      </main>
    );
  }
}
