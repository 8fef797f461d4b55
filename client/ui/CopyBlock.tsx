import { Button } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useRef, useState } from 'react';
import classes from './CopyBlock.module.css';

/** Text to take along (a policy, a command), with a button that copies it. */
export function CopyBlock({ label, text }: { label: string; text: string }) {
  const code = useRef<HTMLElement>(null);
  const [copied, setCopied] = useState<string | null>(null);

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(text);
    } catch {
      // Over plain http browsers keep the clipboard shut: select the text, so that the reader's own copy key works.
      if (code.current !== null) getSelection()?.selectAllChildren(code.current);
    }
  };

  const done = copied === text;
  return (
    <div className={classes.block}>
      <div className={classes.head}>
        <span>{label}</span>
        <Button
          variant="subtle"
          size="compact-sm"
          leftSection={done ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
          onClick={copy}
        >
          <span aria-live="polite">{done ? 'Copied' : 'Copy'}</span>
        </Button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <section className={classes.code} tabIndex={0} aria-label={label}>
        <pre className={classes.pre}>
          <code ref={code}>{text}</code>
        </pre>
      </section>
    </div>
  );
}
