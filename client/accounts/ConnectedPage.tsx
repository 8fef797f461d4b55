import { Button, Group, Loader, Stack } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { useMutation } from 'urql';
import { Link, useSearch } from 'wouter';
import { NotFoundPage } from '../app/NotFoundPage.tsx';
import { graphql } from '../graphql/graphql.ts';
import { problemOf } from '../graphql/problem.ts';
import { UserErrorsFragment } from '../graphql/user-errors.ts';
import { Notice } from '../ui/Notice.tsx';
import { PageTitle } from '../ui/PageTitle.tsx';
import { Panel } from '../ui/Panel.tsx';
import { userErrorText } from '../ui/user-errors.ts';
import classes from './AccountRow.module.css';
import { type Account, AccountFragment, providers } from './account.ts';
import { type Departure, forgetDeparture, type OAuthProvider, recallDeparture } from './oauth.ts';
import { ProviderMark } from './ProviderMark.tsx';

const CompleteOAuthMutation = graphql(
  `
    mutation CompleteOAuth($input: CompleteOAuthInput!) {
      completeOAuth(input: $input) {
        account {
          ...Account
        }
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [AccountFragment, UserErrorsFragment],
);

/** What the cloud put into the address that it led back to (RFC 6749, 4.1.2). */
interface Return {
  state: string;
  code: string;
  error: string | null;
}

type Outcome = { kind: 'done'; account: Account } | { kind: 'failed'; words: string };

/** Who leads people back here. */
const companies: Record<OAuthProvider, string> = { DROPBOX: 'Dropbox', GCS: 'Google' };

/** Where a cloud leads back to; the others have no sign-in, and no such page. */
export function ConnectedPage({ provider: segment }: { provider: string }) {
  const provider = segment.toUpperCase();
  if (!Object.hasOwn(companies, provider)) return <NotFoundPage />;
  return <Returned segment={segment} company={companies[provider as OAuthProvider]} />;
}

/** Ends the connection, then shows the account, or what to do. */
function Returned({ segment, company }: { segment: string; company: string }) {
  // As it was on arrival: the code is taken out of the address once it is used.
  const search = useSearch();
  const [arrival] = useState<Return>(() => {
    const parameters = new URLSearchParams(search);
    const [state, code] = [parameters.get('state') ?? '', parameters.get('code') ?? ''];
    return { state, code, error: parameters.get('error') };
  });
  const [departure] = useState(() => recallDeparture(arrival.state));
  const outcome = useCompletion(arrival, departure, company);

  if (outcome === null) {
    return (
      <>
        <PageTitle title={`Connecting ${company}`} />
        <Panel>
          <Group gap="sm" role="status">
            <Loader size="sm" aria-hidden />
            Testing what {company} granted…
          </Group>
        </Panel>
      </>
    );
  }
  if (outcome.kind === 'done') return <Done account={outcome.account} replaced={departure?.accountId != null} />;
  const again =
    departure?.accountId == null
      ? `/accounts/new?provider=${segment}`
      : `/accounts/${encodeURIComponent(departure.accountId)}/credentials`;
  return (
    <>
      <PageTitle title={`${company} was not connected`} />
      <Panel>
        <Stack gap="md">
          <Notice tone="bad" announce="assertive">
            {outcome.words}
          </Notice>
          <Group gap="sm">
            <Button component={Link} href={again}>
              Begin again
            </Button>
            <Button component={Link} href="/accounts" variant="default">
              All accounts
            </Button>
          </Group>
        </Stack>
      </Panel>
    </>
  );
}

/** Completes the connection once; null while that is under way. */
function useCompletion(arrival: Return, departure: Departure | null, company: string): Outcome | null {
  const [, complete] = useMutation(CompleteOAuthMutation);
  const [outcome, setOutcome] = useState<Outcome | null>(() => refusal(arrival, company));
  const begun = useRef(outcome !== null);

  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    const { state, code } = arrival;
    const name = departure === null || departure.name === '' ? {} : { name: departure.name };
    const project = departure === null || departure.projectId === '' ? {} : { projectId: departure.projectId };
    // The state is good for one account: sent again after a lost answer, it brings the same one.
    void complete({ input: { state, code, ...name, ...project, idempotencyKey: state } }).then(({ data, error }) => {
      const account = data?.completeOAuth.account;
      const [userError] = data?.completeOAuth.userErrors ?? [];
      if (account != null) setOutcome({ kind: 'done', account });
      else if (userError !== undefined) {
        // What to do about a sign-in that is over stands in the message; the remedy is about ids.
        const isOver = userError.code === 'NOT_FOUND';
        setOutcome({ kind: 'failed', words: isOver ? userError.message : userErrorText(userError) });
      } else if (error !== undefined && error.graphQLErrors.length === 0) {
        // The address stays as it is, good for another try.
        return setOutcome({
          kind: 'failed',
          words: 'Skyferry’s server does not answer. Reload this page in a moment: a grant waits for 10 minutes.',
        });
      } else if (error !== undefined) {
        const { message, remedy } = problemOf(error);
        setOutcome({ kind: 'failed', words: userErrorText({ message, remedy: remedy ?? '' }) });
      }
      // A code has no business in the history of the browser.
      window.history.replaceState(null, '', window.location.pathname);
      forgetDeparture(state);
    });
  }, [arrival, departure, complete]);

  return outcome;
}

/** What the address itself says against completing; null: nothing. */
function refusal({ state, code, error }: Return, company: string): Outcome | null {
  if (error === 'access_denied') {
    return { kind: 'failed', words: `You did not let Skyferry in at ${company}, so nothing was connected.` };
  }
  if (error !== null) {
    const why = /^[a-z_]{1,40}$/.test(error) ? ` (${error})` : '';
    return {
      kind: 'failed',
      words: `${company} ended the sign-in${why}. Begin again; if it stays so, the operator has to look at the app that Skyferry is registered as.`,
    };
  }
  if (state === '' || code === '') {
    return {
      kind: 'failed',
      words: 'There is nothing to complete here. Begin with the account that you want to connect.',
    };
  }
  return null;
}

function Done({ account, replaced }: { account: Account; replaced: boolean }) {
  return (
    <>
      <PageTitle title={replaced ? `${account.name} has a new grant` : `${account.name} is connected`}>
        {replaced ? 'Its transfers go on with it by themselves.' : 'It is ready for transfers.'}
      </PageTitle>
      <Panel>
        <Stack gap="lg">
          <Group gap="md" wrap="nowrap">
            <ProviderMark provider={account.provider} />
            <div>
              <div className={classes.name}>{account.name}</div>
              <div className={classes.facts}>
                <span>{providers[account.provider].label}</span>
                <span className={classes.identity}>{account.identity}</span>
              </div>
            </div>
          </Group>
          <Group gap="sm">
            <Button component={Link} href="/transfers/new">
              New transfer
            </Button>
            <Button component={Link} href="/accounts" variant="default">
              All accounts
            </Button>
          </Group>
        </Stack>
      </Panel>
    </>
  );
}
