import type { ComponentType, ReactNode } from 'react';
import classes from './Tag.module.css';

interface TagProps {
  tone: 'neutral' | 'info' | 'good' | 'warn' | 'bad';
  icon: ComponentType<{ size: number; stroke: number; 'aria-hidden': boolean }>;
  children: ReactNode;
}

/** A state in one word, with a sign of its own for those who do not see the colour. */
export function Tag({ tone, icon: Icon, children }: TagProps) {
  return (
    <span className={classes.tag} data-tone={tone}>
      <Icon size={16} stroke={2} aria-hidden />
      {children}
    </span>
  );
}
