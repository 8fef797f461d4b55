import { type ProviderName, providers } from './account.ts';
import classes from './ProviderMark.module.css';

/** A provider's sign. Its name is read out, unless the name stands beside it anyway. */
export function ProviderMark({ provider, named = true }: { provider: ProviderName; named?: boolean }) {
  const { Icon, label } = providers[provider];
  return (
    <span className={classes.mark} data-provider={provider} {...(named ? { role: 'img', 'aria-label': label } : {})}>
      <Icon size={22} stroke={1.75} aria-hidden />
    </span>
  );
}
