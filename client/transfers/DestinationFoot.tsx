import { TextInput } from '@mantine/core';
import classes from './feet.module.css';

interface DestinationFootProps {
  path: string;
  folder: string;
  /** What is wrong with its name, or null. */
  problem: string | null;
  onFolder: (folder: string) => void;
}

/** The open folder is the destination; a new one may be named below it. */
export function DestinationFoot({ path, folder, problem, onFolder }: DestinationFootProps) {
  if (path === '') {
    return (
      <div className={classes.foot}>
        <div className={classes.hint}>Open the place where things should go.</div>
      </div>
    );
  }
  return (
    <div className={classes.foot}>
      <label className={classes.label} htmlFor="new-folder">
        New folder here
      </label>
      <TextInput
        id="new-folder"
        className={classes.input}
        size="sm"
        placeholder="none: right here"
        spellCheck={false}
        value={folder}
        error={problem}
        onChange={(event) => onFolder(event.currentTarget.value)}
      />
    </div>
  );
}
