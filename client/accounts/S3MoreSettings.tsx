import { Checkbox, Stack, TextInput } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { useEffect, useEffectEvent, useRef } from 'react';
import { Choice } from '../ui/Choice.tsx';
import classes from './S3MoreSettings.module.css';
import type { S3Values } from './s3-values.ts';

const encryptions = [
  { value: '', label: 'As the bucket is set' },
  { value: 'S3_KEYS', label: 'Keys of S3' },
  { value: 'KMS_KEY', label: 'KMS key' },
] as const;

/** What few accounts need, folded away until somebody wants it, or something in it is wrong. */
export function S3MoreSettings({ form }: { form: UseFormReturnType<S3Values> }) {
  const details = useRef<HTMLDetailsElement>(null);
  const wrong = (['storageClass', 'kmsKeyId'] as const).find((field) => form.errors[field] != null);
  const alone = Object.keys(form.errors).length === 1;
  const unfold = useEffectEvent((field: 'storageClass' | 'kmsKeyId') => {
    if (details.current !== null) details.current.open = true;
    // What was folded away could not take the focus before.
    if (alone) form.getInputNode(field)?.focus();
  });
  useEffect(() => {
    if (wrong !== undefined) unfold(wrong);
  }, [wrong]);

  return (
    <details ref={details}>
      <summary className={classes.summary}>More settings</summary>
      <Stack gap="lg" className={classes.fields ?? ''}>
        <TextInput
          label="Storage class"
          description="Of the files that are written, such as STANDARD_IA. Empty: STANDARD."
          autoComplete="off"
          spellCheck={false}
          {...form.getInputProps('storageClass')}
        />
        <Choice
          label="Encryption of the files that are written"
          data={encryptions}
          value={form.values.serverSideEncryption}
          onChange={(chosen) => form.setFieldValue('serverSideEncryption', chosen)}
        />
        {form.values.serverSideEncryption === 'KMS_KEY' ? (
          <TextInput
            label="KMS key"
            description="Its ID, ARN or alias. Empty: the default key of your AWS account."
            autoComplete="off"
            spellCheck={false}
            {...form.getInputProps('kmsKeyId')}
          />
        ) : null}
        <Checkbox
          size="md"
          label="This account pays for its requests"
          description="For buckets whose requester pays."
          {...form.getInputProps('requesterPays', { type: 'checkbox' })}
        />
      </Stack>
    </details>
  );
}
