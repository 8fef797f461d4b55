import { Checkbox, FileInput, Select, Textarea, TextInput } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { useEffect, useEffectEvent, useRef } from 'react';
import { Choice } from '../ui/Choice.tsx';
import { type Choices, changedChoices, choiceFields, type KeptMetadata, keptMetadata, moreFields } from './choices.ts';
import { concurrencyHelp } from './concurrency.ts';
import { limitHelp } from './limit.ts';
import classes from './MoreChoices.module.css';
import { policies, policiesOf } from './words.ts';

export const keptLabels: Record<KeptMetadata, string> = {
  contentType: 'content type and how it is served',
  userMetadata: 'own metadata',
  modifiedAt: 'time of the last change',
  emptyFolders: 'empty folders',
  tags: 'tags',
};

const namesHelp: Record<Choices['names'], string> = {
  REFUSE: 'Such a file is left at the source and named at the end.',
  ENCODE: 'a:b becomes a%3Ab, which can be turned back.',
  DECODE: 'a%3Ab becomes a:b again. What the destination cannot hold is refused.',
};

/** A comparison finds what a transfer has rewritten only where it is told to. */
const comparedNamesHelp: Record<Choices['names'], string> = {
  REFUSE: 'Such a file is not at the destination.',
  ENCODE: 'a:b is looked for as a%3Ab.',
  DECODE: 'a%3Ab is looked for as a:b.',
};

interface MoreChoicesProps {
  form: UseFormReturnType<Choices>;
  /** Rises whenever an order was refused: what is wrong in here is unfolded then. */
  refusals: number;
}

/** What few transfers need, folded away until somebody wants it, or something in it is wrong. */
export function MoreChoices({ form, refusals }: MoreChoicesProps) {
  const details = useRef<HTMLDetailsElement>(null);
  const { mode, names, verification, keep, manifest } = form.values;
  const changed = changedChoices(form.values);
  const writes = mode !== 'VERIFY';
  const unfold = useEffectEvent(() => {
    const first = choiceFields.find((field) => form.errors[field] != null);
    const inHere = moreFields.some((field) => form.errors[field] != null);
    if (first === undefined || !inHere || details.current === null) return;
    details.current.open = true;
    // What was folded away could not take the focus before.
    form.getInputNode(first)?.focus();
  });
  useEffect(() => {
    if (refusals > 0) unfold();
  }, [refusals]);

  return (
    <details ref={details}>
      <summary className={classes.summary}>
        More choices{changed === 0 ? '' : <span className={classes.changed}> ({changed} changed)</span>}
      </summary>
      <div className={classes.groups}>
        {writes ? (
          <Select
            label="If a file is at the destination already"
            data={policiesOf[mode].map((value) => ({ value, label: policies[value] }))}
            {...form.getInputProps('conflictPolicy')}
          />
        ) : null}
        {mode === 'SYNC' ? (
          <fieldset className={classes.group}>
            <legend>Ask before it deletes</legend>
            <div className={classes.pair}>
              <TextInput label="More files than" inputMode="numeric" {...form.getInputProps('objects')} />
              <TextInput
                label="More per cent of what is there than"
                inputMode="numeric"
                {...form.getInputProps('share')}
              />
            </div>
          </fieldset>
        ) : null}
        <fieldset className={classes.group}>
          <legend>Which files</legend>
          <p className={classes.help}>
            What is left out is neither moved nor deleted. Patterns are held against the path below what is picked, one
            a line: * and ? within a name, ** across folders.
          </p>
          <div className={classes.pair}>
            <Textarea
              label="Only these"
              placeholder="all"
              autosize
              minRows={2}
              maxRows={8}
              spellCheck={false}
              {...form.getInputProps('include')}
            />
            <Textarea
              label="None of these"
              placeholder="**/*.tmp"
              autosize
              minRows={2}
              maxRows={8}
              spellCheck={false}
              {...form.getInputProps('exclude')}
            />
            <TextInput label="At least this large" placeholder="any size" {...form.getInputProps('minSize')} />
            <TextInput label="At most this large" placeholder="any size" {...form.getInputProps('maxSize')} />
            <TextInput label="Changed since" type="datetime-local" {...form.getInputProps('modifiedAfter')} />
            <TextInput label="Changed before" type="datetime-local" {...form.getInputProps('modifiedBefore')} />
            <TextInput label="Older than" placeholder="30 days" {...form.getInputProps('olderThan')} />
            <TextInput label="Not older than" placeholder="12 hours" {...form.getInputProps('newerThan')} />
          </div>
          <FileInput
            className={classes.manifest}
            label="Only the paths in a file"
            description="Plain text, one path a line, such as bucket/folder/name.txt. A path that is not there is a failed file."
            placeholder="all"
            accept="text/plain,.txt"
            // Its label alone would not tell which file was chosen.
            aria-label={manifest === null ? undefined : `Only the paths in a file: ${manifest.name}`}
            clearable
            clearButtonProps={{ 'aria-label': 'Take all paths again' }}
            {...form.getInputProps('manifest')}
          />
        </fieldset>
        {writes ? (
          <Checkbox.Group
            size="md"
            label="What travels along"
            description="As far as both clouds can hold it. Tags take one request more for each file, and the right to read them."
            value={[...keep]}
            onChange={(chosen) => form.setFieldValue('keep', chosen as KeptMetadata[])}
          >
            <div className={classes.checks}>
              {keptMetadata.map((value) => (
                <Checkbox key={value} size="md" value={value} label={keptLabels[value]} />
              ))}
            </div>
          </Checkbox.Group>
        ) : null}
        <Choice
          label="Names that a cloud cannot hold"
          data={[
            { value: 'REFUSE', label: writes ? 'Refuse' : 'As they are' },
            { value: 'ENCODE', label: writes ? 'Rewrite' : 'Rewritten' },
            { value: 'DECODE', label: writes ? 'Turn back' : 'Turned back' },
          ]}
          value={names}
          onChange={(chosen) => form.setFieldValue('names', chosen)}
          help={writes ? namesHelp[names] : comparedNamesHelp[names]}
        />
        <Choice
          label="Proof"
          data={[
            { value: 'STANDARD', label: 'By hashes' },
            { value: 'REREAD', label: 'Read back' },
          ]}
          value={verification}
          onChange={(chosen) => form.setFieldValue('verification', chosen)}
          help={
            verification === 'STANDARD'
              ? 'By the strongest hashes that both clouds offer.'
              : 'What is at the destination is read besides, which takes time and costs its traffic.'
          }
        />
        <TextInput
          className={classes.short}
          label="Tries for a file that fails"
          description="In a row, without getting any further."
          inputMode="numeric"
          {...form.getInputProps('maxTries')}
        />
        <TextInput
          className={classes.short}
          label="Speed limit"
          description={limitHelp}
          placeholder="none, or 500 KB"
          {...form.getInputProps('bandwidthLimit')}
        />
        <TextInput
          className={classes.short}
          label="Objects at once"
          description={concurrencyHelp}
          placeholder="as many as there is room for"
          inputMode="numeric"
          {...form.getInputProps('concurrency')}
        />
      </div>
    </details>
  );
}
