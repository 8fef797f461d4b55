import { Button, FileButton, Group, Textarea, type TextareaProps } from '@mantine/core';
import { IconFileUpload } from '@tabler/icons-react';
import { type DragEvent, useState } from 'react';
import classes from './KeyFileInput.module.css';

/** Keys have about 2 KiB; what is larger is another file. */
const maxFileBytes = 16_384;

interface KeyFileInputProps extends Omit<TextareaProps, 'onChange'> {
  value: string;
  onChange: (text: string) => void;
  /** Told what is wrong with a file. */
  onProblem: (message: string) => void;
}

/** Text of a key file: pasted, dropped as a file, or chosen. It is hidden, as it holds a secret. */
export function KeyFileInput({ value, onChange, onProblem, ...props }: KeyFileInputProps) {
  const [over, setOver] = useState(false);

  const read = async (file: File | null | undefined) => {
    if (file == null) return;
    if (file.size > maxFileBytes) return onProblem(`${file.name} is too large to be such a key.`);
    onChange(await file.text());
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void read(event.dataTransfer.files[0]);
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is a shortcut; field and button do the same
    <div
      className={classes.drop}
      data-over={over}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
    >
      <Textarea
        autosize
        minRows={4}
        maxRows={8}
        autoComplete="off"
        spellCheck={false}
        classNames={{ input: classes.input ?? '' }}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
        {...props}
      />
      <Group mt="xs">
        <FileButton onChange={(file) => void read(file)} accept="application/json,.json">
          {(button) => (
            <Button
              {...button}
              variant="default"
              size="compact-md"
              leftSection={<IconFileUpload size={16} aria-hidden />}
            >
              Choose file
            </Button>
          )}
        </FileButton>
      </Group>
    </div>
  );
}
