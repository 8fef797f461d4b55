import { lazy, Suspense } from 'react';
import { Redirect, Route, Switch, useLocation, useSearch } from 'wouter';
import { NotFoundPage } from './NotFoundPage.tsx';
import { PageSkeleton } from './PageSkeleton.tsx';
import { Shell } from './Shell.tsx';
import { useSession } from './session.ts';

const SignInPage = lazy(async () => ({ default: (await import('../auth/SignInPage.tsx')).SignInPage }));
const SignUpPage = lazy(async () => ({ default: (await import('../auth/SignUpPage.tsx')).SignUpPage }));
const ForgotPasswordPage = lazy(async () => ({
  default: (await import('../auth/ForgotPasswordPage.tsx')).ForgotPasswordPage,
}));
const ResetPasswordPage = lazy(async () => ({
  default: (await import('../auth/ResetPasswordPage.tsx')).ResetPasswordPage,
}));
const AccountsPage = lazy(async () => ({ default: (await import('../accounts/AccountsPage.tsx')).AccountsPage }));
const ConnectAccountPage = lazy(async () => ({
  default: (await import('../accounts/ConnectAccountPage.tsx')).ConnectAccountPage,
}));
const ReplaceCredentialsPage = lazy(async () => ({
  default: (await import('../accounts/ReplaceCredentialsPage.tsx')).ReplaceCredentialsPage,
}));
const ConnectedPage = lazy(async () => ({ default: (await import('../accounts/ConnectedPage.tsx')).ConnectedPage }));
const TransfersPage = lazy(async () => ({ default: (await import('../transfers/TransfersPage.tsx')).TransfersPage }));
const SchedulesPage = lazy(async () => ({ default: (await import('../schedules/SchedulesPage.tsx')).SchedulesPage }));
const SchedulePage = lazy(async () => ({ default: (await import('../schedules/SchedulePage.tsx')).SchedulePage }));
const NewTransferPage = lazy(async () => ({
  default: (await import('../transfers/NewTransferPage.tsx')).NewTransferPage,
}));
const TransferPage = lazy(async () => ({ default: (await import('../transfers/TransferPage.tsx')).TransferPage }));

/** Which page lies at which address, for visitors and for those who are signed in. */
export function Routes() {
  const { viewer } = useSession();
  return (
    <Switch>
      <Route path="/reset-password">
        <Suspense fallback={<PageSkeleton />}>
          <ResetPasswordPage />
        </Suspense>
      </Route>
      <Route>{viewer === null ? <VisitorRoutes /> : <MemberRoutes />}</Route>
    </Switch>
  );
}

function VisitorRoutes() {
  const { needsFirstUser } = useSession().instance;
  const [location] = useLocation();
  const search = useSearch();
  const wanted = search === '' ? location : `${location}?${search}`;
  const entrance = needsFirstUser ? '/sign-up' : '/sign-in';
  return (
    <Suspense fallback={<PageSkeleton />}>
      <Switch>
        <Route path="/sign-in" component={SignInPage} />
        <Route path="/sign-up" component={SignUpPage} />
        <Route path="/forgot-password" component={ForgotPasswordPage} />
        <Route>
          <Redirect to={location === '/' ? entrance : `${entrance}?next=${encodeURIComponent(wanted)}`} replace />
        </Route>
      </Switch>
    </Suspense>
  );
}

function MemberRoutes() {
  return (
    <Shell>
      <Suspense fallback={<PageSkeleton />}>
        <Switch>
          <Route path="/transfers" component={TransfersPage} />
          <Route path="/transfers/new" component={NewTransferPage} />
          <Route path="/transfers/:id">{({ id }) => <TransferPage key={id} id={id} />}</Route>
          <Route path="/schedules" component={SchedulesPage} />
          <Route path="/schedules/:id">{({ id }) => <SchedulePage key={id} id={id} />}</Route>
          <Route path="/accounts" component={AccountsPage} />
          <Route path="/accounts/new" component={ConnectAccountPage} />
          <Route path="/accounts/connected/:provider">{({ provider }) => <ConnectedPage provider={provider} />}</Route>
          <Route path="/accounts/:id/credentials">{({ id }) => <ReplaceCredentialsPage key={id} id={id} />}</Route>
          <Route path="/">
            <Redirect to="/transfers" replace />
          </Route>
          <Route path="/sign-in" component={AfterSignIn} />
          <Route path="/sign-up" component={AfterSignIn} />
          <Route>
            <NotFoundPage />
          </Route>
        </Switch>
      </Suspense>
    </Shell>
  );
}

/** Leads on to where the visitor wanted to go before signing in; never out of the app. */
function AfterSignIn() {
  const next = new URLSearchParams(window.location.search).get('next') ?? '/transfers';
  return <Redirect to={/^\/(?![/\\])/.test(next) ? next : '/transfers'} replace />;
}
