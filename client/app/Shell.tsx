import { IconArrowsExchange, IconCalendarClock, IconCloud, IconPlus } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { Logo } from '../ui/Logo.tsx';
import classes from './Shell.module.css';
import { UserMenu } from './UserMenu.tsx';

const places = [
  { href: '/transfers', label: 'Transfers', Icon: IconArrowsExchange },
  { href: '/transfers/new', label: 'New transfer', Icon: IconPlus },
  { href: '/schedules', label: 'Schedules', Icon: IconCalendarClock },
  { href: '/accounts', label: 'Accounts', Icon: IconCloud },
] as const;

/** The place of the navigation that an address belongs to: the longest that it starts with. */
function currentPlace(location: string): string | undefined {
  return places
    .map(({ href }) => href)
    .filter((href) => location === href || location.startsWith(`${href}/`))
    .sort((a, b) => b.length - a.length)[0];
}

/** What surrounds every page for those who are signed in. On small screens the navigation moves to the thumb. */
export function Shell({ children }: { children: ReactNode }) {
  const [location] = useLocation();
  const current = currentPlace(location);
  return (
    <div className={classes.shell}>
      <a className={classes.skip} href="#main">
        Skip to content
      </a>
      <header className={classes.header}>
        <Link href="/transfers" className={classes.home} aria-label="Skyferry, to your transfers">
          <Logo />
        </Link>
        <nav className={classes.nav} aria-label="Main">
          {places.map(({ href, label, Icon }) => (
            <Link key={href} href={href} className={classes.place} aria-current={current === href ? 'page' : undefined}>
              <Icon size={20} stroke={1.75} aria-hidden />
              <span>{label}</span>
            </Link>
          ))}
        </nav>
        <UserMenu />
      </header>
      <main id="main" tabIndex={-1} className={classes.main}>
        {children}
      </main>
    </div>
  );
}
