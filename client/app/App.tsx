import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import classes from './App.module.css';
import { ErrorBoundary } from './ErrorBoundary.tsx';
import { Routes } from './Routes.tsx';
import { SessionProvider } from './SessionProvider.tsx';
import { resolveCssVariables, theme } from './theme.ts';

/** The whole app: looks, errors, session, pages, from the outside in. */
export function App() {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={resolveCssVariables} defaultColorScheme="auto">
      <Notifications position="bottom-right" classNames={{ root: classes.toasts }} />
      <ErrorBoundary>
        <SessionProvider>
          <Routes />
        </SessionProvider>
      </ErrorBoundary>
    </MantineProvider>
  );
}
