import { Button, type ButtonProps } from '@mantine/core';
import { type ComponentPropsWithoutRef, useLayoutEffect, useRef } from 'react';

interface BusyButtonProps
  extends ButtonProps,
    Omit<ComponentPropsWithoutRef<'button'>, keyof ButtonProps | 'onFocus' | 'onBlur'> {
  loading: boolean;
}

/** A button whose work takes a while: not to be pressed meanwhile, and with the focus afterwards if it had it before. */
export function BusyButton({ loading, ...props }: BusyButtonProps) {
  const button = useRef<HTMLButtonElement>(null);
  const hasFocus = useRef(false);
  // Browsers take the focus from what is disabled, some at once and some later, and give it to nobody.
  useLayoutEffect(() => {
    if (loading || !hasFocus.current) return;
    if (document.activeElement === document.body) button.current?.focus();
    hasFocus.current = document.activeElement === button.current;
  }, [loading]);
  return (
    <Button
      ref={button}
      loading={loading}
      onFocus={() => {
        hasFocus.current = true;
      }}
      onBlur={({ currentTarget }) => {
        if (!currentTarget.disabled) hasFocus.current = false;
      }}
      {...props}
    />
  );
}
