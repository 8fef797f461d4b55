import { useMutation } from 'urql';
import { graphql } from '../graphql/graphql.ts';
import { UserErrorsFragment } from '../graphql/user-errors.ts';
import { ConfirmDialog } from '../ui/ConfirmDialog.tsx';
import { FormErrors } from '../ui/FormErrors.tsx';
import { useFormErrors } from '../ui/use-form-errors.ts';
import type { AccountDialogProps } from './RenameDialog.tsx';

const DisconnectAccountMutation = graphql(
  `
    mutation DisconnectAccount($input: DisconnectAccountInput!) {
      disconnectAccount(input: $input) {
        account {
          id
          status
        }
        userErrors {
          ...UserErrors
        }
      }
    }
  `,
  [UserErrorsFragment],
);

/** Asks before an account's credentials are wiped. */
export function DisconnectDialog({ account, opened, onClose, onChanged }: AccountDialogProps) {
  const [{ fetching }, disconnect] = useMutation(DisconnectAccountMutation);
  const errors = useFormErrors();

  const close = () => {
    errors.clear();
    onClose();
  };
  const onConfirm = async () => {
    errors.clear();
    const { data, error } = await disconnect({ input: { id: account.id } });
    if (data?.disconnectAccount.account == null) return errors.show(error, data?.disconnectAccount.userErrors);
    onChanged();
    close();
  };

  return (
    <ConfirmDialog
      opened={opened}
      title={`Disconnect ${account.name}?`}
      confirm="Disconnect"
      dismiss="Keep it"
      busy={fetching}
      onConfirm={onConfirm}
      onClose={close}
    >
      <FormErrors errors={errors.general} />
      <p>
        Skyferry wipes the stored credentials. No file in the cloud changes, and the history of past transfers stays.
        Schedules with this account run no more. To use the cloud again, connect it as a new account.
      </p>
      {account.provider === 'DROPBOX' ? (
        <p>What you granted at Dropbox is given back to it, unless another account here lives on it.</p>
      ) : null}
      {account.provider === 'GCS' ? (
        <p>If you signed in at Google, what you granted stays until you end it there, in your Google account.</p>
      ) : null}
    </ConfirmDialog>
  );
}
