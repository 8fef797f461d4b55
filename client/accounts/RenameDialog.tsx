import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { isNotEmpty, useForm } from '@mantine/form';
import { useMutation } from 'urql';
import { graphql } from '../graphql/graphql.ts';
import { UserErrorsFragment } from '../graphql/user-errors.ts';
import { BusyButton } from '../ui/BusyButton.tsx';
import { FormErrors } from '../ui/FormErrors.tsx';
import { useFormErrors } from '../ui/use-form-errors.ts';
import { type Account, AccountFragment } from './account.ts';

const RenameAccountMutation = graphql(
  `
    mutation RenameAccount($input: RenameAccountInput!) {
      renameAccount(input: $input) {
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

export interface AccountDialogProps {
  account: Account;
  opened: boolean;
  onClose: () => void;
  onChanged: () => void;
}

/** Gives an account another name. */
export function RenameDialog({ account, opened, onClose, onChanged }: AccountDialogProps) {
  return (
    <Modal opened={opened} onClose={onClose} title={`Rename ${account.name}`}>
      <RenameForm account={account} onClose={onClose} onChanged={onChanged} />
    </Modal>
  );
}

function RenameForm({ account, onClose, onChanged }: Omit<AccountDialogProps, 'opened'>) {
  const [{ fetching }, rename] = useMutation(RenameAccountMutation);
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { name: account.name },
    validate: { name: isNotEmpty('Give the account a name.') },
  });
  const errors = useFormErrors(form, ['name']);

  const submit = form.onSubmit(async ({ name }) => {
    errors.clear();
    const { data, error } = await rename({ input: { id: account.id, name: name.trim() } });
    if (data?.renameAccount.account == null) return errors.show(error, data?.renameAccount.userErrors);
    onChanged();
    onClose();
  }, errors.focusFirst);

  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md">
        <FormErrors errors={errors.general} />
        <TextInput label="Name" data-autofocus key={form.key('name')} {...form.getInputProps('name')} />
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={onClose}>
            Leave as it is
          </Button>
          <BusyButton type="submit" loading={fetching}>
            Rename
          </BusyButton>
        </Group>
      </Stack>
    </form>
  );
}
