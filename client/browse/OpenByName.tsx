import { Button, Group, TextInput } from '@mantine/core';
import { useState } from 'react';

/** For credentials that may not list containers: open one by its name. */
export function OpenByName({ container, onOpen }: { container: string; onOpen: (name: string) => void }) {
  const [name, setName] = useState('');
  const trimmed = name.trim().replaceAll('/', '');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (trimmed !== '') onOpen(trimmed);
      }}
    >
      <Group align="flex-end" gap="sm" wrap="nowrap">
        <TextInput
          style={{ flex: 1 }}
          label={`Open a ${container} by its name`}
          description={`These credentials may not list ${container}s, but may open the ones they are for.`}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Button type="submit" variant="default">
          Open
        </Button>
      </Group>
    </form>
  );
}
