import { IconChevronRight } from '@tabler/icons-react';
import classes from './Breadcrumb.module.css';
import { trail } from './paths.ts';

interface BreadcrumbProps {
  /** Names the pane in the landmark's label. */
  label: string;
  /** What the top is called: the account's name. */
  root: string;
  path: string;
  onOpen: (path: string) => void;
}

/** Where one is in the tree, each step a way back. */
export function Breadcrumb({ label, root, path, onOpen }: BreadcrumbProps) {
  const steps = [{ name: root, path: '' }, ...trail(path)];
  return (
    <nav aria-label={label} className={classes.nav}>
      <ol className={classes.steps}>
        {steps.map((step, index) => (
          <li key={step.path} className={classes.step}>
            {index === 0 ? null : <IconChevronRight size={14} aria-hidden className={classes.arrow} />}
            {index === steps.length - 1 ? (
              <span aria-current="location" className={classes.here}>
                {step.name === '' ? '(no name)' : step.name}
              </span>
            ) : (
              <button type="button" className={classes.link} onClick={() => onOpen(step.path)}>
                {step.name === '' ? '(no name)' : step.name}
              </button>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}
