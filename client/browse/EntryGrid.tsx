import { IconBucket, IconCheck, IconFile, IconFolder } from '@tabler/icons-react';
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { formatBytes, formatDateTime } from '../ui/format.ts';
import classes from './EntryGrid.module.css';
import type { Entry } from './entries.ts';
import { lastName, parentPath } from './paths.ts';
import { holderOf, type Selection } from './selection.ts';

export interface Arrival {
  /** Path of the entry that takes the focus, '' the first one. */
  entry: string;
  /** What had the focus when the level was asked for: who has moved on meanwhile keeps it. */
  leaving: Element | null;
}

interface EntryGridProps {
  label: string;
  /** What the cloud calls what stands at its top, such as `bucket`. */
  container: string;
  path: string;
  entries: readonly Entry[];
  /** Absent: entries are there to walk through, not to pick. */
  selection?: Selection | undefined;
  onToggle?: ((entry: Entry) => void) | undefined;
  onToggleAll?: (() => void) | undefined;
  /** Opens another level; `from` is the entry that takes the focus there, '' the first one. */
  onOpen: (path: string, from: string) => void;
  /** How this level was come to; null: the focus stays where it is. */
  arrival: Arrival | null;
  /** Called when the last row is left downwards. */
  onEnd: () => void;
}

const icons = { CONTAINER: IconBucket, FOLDER: IconFolder, FILE: IconFile } as const;

/**
 * One level of an account as a grid (mount it anew for each), walked like a file manager: arrows and Home, End move; Enter or Right opens;
 * Backspace or Left goes up; Space picks; Control+A picks all.
 */
export function EntryGrid(props: EntryGridProps) {
  const { label, container, path, entries, selection, onToggle, onToggleAll, onOpen, arrival, onEnd } = props;
  const grid = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const kinds = { CONTAINER: container, FOLDER: 'folder', FILE: 'file' };

  const focusRow = (index: number) => {
    setActive(index);
    grid.current?.querySelector<HTMLElement>(`[data-index="${index}"]`)?.focus();
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the level has arrived
  useEffect(() => {
    if (arrival === null) return;
    const found = entries.findIndex(({ path }) => path === arrival.entry);
    const index = Math.max(0, found);
    // What was left may be gone, which leaves the focus to nobody.
    const isWaiting = [arrival.leaving, document.body, null].includes(document.activeElement);
    if (isWaiting) focusRow(index);
    else setActive(index);
  }, []);

  const up = () => {
    if (path !== '') onOpen(parentPath(path), path);
  };
  const open = (entry: Entry) => {
    if (entry.kind === 'FILE') onToggle?.(entry);
    else onOpen(entry.path, '');
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const entry = entries[active];
    const modified = event.ctrlKey || event.metaKey || event.altKey;
    const actions: Record<string, (() => void) | undefined> = modified
      ? { a: event.altKey ? undefined : onToggleAll }
      : {
          ArrowDown: () => (active < entries.length - 1 ? focusRow(active + 1) : onEnd()),
          ArrowUp: () => focusRow(Math.max(0, active - 1)),
          Home: () => focusRow(0),
          End: () => focusRow(entries.length - 1),
          PageDown: () => focusRow(Math.min(entries.length - 1, active + 10)),
          PageUp: () => focusRow(Math.max(0, active - 10)),
          Backspace: up,
          ArrowLeft: up,
          Enter: entry && (() => open(entry)),
          ArrowRight: entry && entry.kind !== 'FILE' ? () => open(entry) : undefined,
          ' ': entry && onToggle ? () => onToggle(entry) : () => {},
        };
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  };

  return (
    // biome-ignore lint/a11y/useSemanticElements: rows that are picked and opened are a grid, not a table
    <div
      ref={grid}
      role="grid"
      aria-label={label}
      aria-multiselectable={selection === undefined ? undefined : true}
      aria-rowcount={entries.length}
      className={classes.grid}
      onKeyDown={onKeyDown}
    >
      {entries.length === 0 ? (
        // biome-ignore lint/a11y/useSemanticElements: a row of a grid
        <div role="row" tabIndex={0} data-index={0} className={classes.empty}>
          {/* biome-ignore lint/a11y/useSemanticElements: a cell of a grid */}
          {/* biome-ignore lint/a11y/useFocusableInteractive: the row has the focus */}
          <div role="gridcell">{path === '' ? 'Nothing here yet.' : 'This folder is empty.'}</div>
        </div>
      ) : null}
      {entries.map((entry, index) => (
        <EntryRow
          key={entry.path}
          entry={entry}
          kind={kinds[entry.kind]}
          index={index}
          active={index === active}
          picked={selection?.has(entry.path)}
          held={selection !== undefined && holderOf(selection, entry.path) !== undefined}
          onFocus={() => setActive(index)}
          onToggle={onToggle}
          onOpen={open}
        />
      ))}
    </div>
  );
}

interface EntryRowProps {
  entry: Entry;
  /** For those who do not see its icon. */
  kind: string;
  index: number;
  active: boolean;
  /** undefined: not for picking. */
  picked: boolean | undefined;
  /** Picked with the folder around it. */
  held: boolean;
  onFocus: () => void;
  onToggle: ((entry: Entry) => void) | undefined;
  onOpen: (entry: Entry) => void;
}

function EntryRow({ entry, kind, index, active, picked, held, onFocus, onToggle, onOpen }: EntryRowProps) {
  const Icon = icons[entry.kind];
  const name = entry.name === '' ? lastName(entry.path) || '(no name)' : entry.name;
  const inert = picked === undefined && entry.kind === 'FILE';
  return (
    // biome-ignore lint/a11y/useSemanticElements: a row of a grid
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid handles the keys of all its rows
    <div
      role="row"
      tabIndex={active ? 0 : -1}
      data-index={index}
      aria-rowindex={index + 1}
      aria-selected={picked === undefined ? undefined : picked || held}
      aria-disabled={inert || held || undefined}
      className={classes.row}
      onFocus={onFocus}
      onClick={() => onOpen(entry)}
    >
      {picked === undefined ? null : (
        // biome-ignore lint/a11y/useSemanticElements: a cell of a grid
        // biome-ignore lint/a11y/useKeyWithClickEvents: Space picks, see the grid
        // biome-ignore lint/a11y/useFocusableInteractive: the row has the focus
        <div
          role="gridcell"
          className={classes.pick}
          title={held ? 'Picked with its folder' : undefined}
          onClick={(event) => {
            event.stopPropagation();
            onToggle?.(entry);
          }}
        >
          <span className={classes.box} data-picked={picked || held || undefined}>
            <IconCheck size={14} stroke={3} aria-hidden />
          </span>
        </div>
      )}
      {/* biome-ignore lint/a11y/useSemanticElements: a cell of a grid */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: the row has the focus */}
      <div role="gridcell" className={classes.name}>
        <Icon size={20} stroke={1.6} className={classes.icon} data-kind={entry.kind} role="img" aria-label={kind} />
        <span>{name}</span>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: a cell of a grid */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: the row has the focus */}
      <div
        role="gridcell"
        className={classes.size}
        title={entry.modifiedAt === null ? undefined : formatDateTime(entry.modifiedAt)}
      >
        {entry.size === null ? '' : formatBytes(entry.size)}
      </div>
    </div>
  );
}
