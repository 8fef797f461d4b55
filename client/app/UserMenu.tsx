import { type MantineColorScheme, Menu, UnstyledButton, useMantineColorScheme } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import {
  IconCheck,
  IconChevronDown,
  IconDeviceDesktop,
  IconGraph,
  IconLogout,
  IconMoon,
  IconSun,
} from '@tabler/icons-react';
import { useMutation } from 'urql';
import { useLocation } from 'wouter';
import { graphql } from '../graphql/graphql.ts';
import { problemOf } from '../graphql/problem.ts';
import { useSession } from './session.ts';
import classes from './UserMenu.module.css';

const SignOutMutation = graphql(`
  mutation SignOut {
    signOut {
      signedOut
      userErrors {
        message
      }
    }
  }
`);

const schemes = [
  { value: 'light', label: 'Light', Icon: IconSun },
  { value: 'dark', label: 'Dark', Icon: IconMoon },
  { value: 'auto', label: 'As the system', Icon: IconDeviceDesktop },
] as const;

/** Who is signed in, how the app looks, and the way out. */
export function UserMenu() {
  const { viewer, renew } = useSession();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [, signOut] = useMutation(SignOutMutation);
  const [, navigate] = useLocation();
  if (viewer === null) return null;

  const leave = async () => {
    const { error } = await signOut({});
    if (error !== undefined) {
      notifications.show({ color: 'red', title: 'You are still signed in', message: problemOf(error).message });
      return;
    }
    navigate('/sign-in');
    renew();
  };

  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <UnstyledButton className={classes.target} aria-label={`Menu of ${viewer.name}`}>
          <span className={classes.initial} data-initial={viewer.name.trim().charAt(0).toUpperCase() || '?'} />
          <span className={classes.name}>{viewer.name}</span>
          <IconChevronDown size={16} aria-hidden />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <div className={classes.who}>
          <div className={classes.whoName}>{viewer.name}</div>
          <div>{viewer.email}</div>
          {viewer.role === 'ADMIN' ? <div>Administrator</div> : null}
        </div>
        <Menu.Divider />
        <Menu.Label>Theme</Menu.Label>
        <Menu.RadioGroup value={colorScheme} onChange={(value) => setColorScheme(value as MantineColorScheme)}>
          {schemes.map(({ value, label, Icon }) => (
            <Menu.RadioItem
              key={value}
              value={value}
              checkIcon={<IconCheck size={16} aria-hidden />}
              rightSection={<Icon size={18} stroke={1.75} aria-hidden />}
            >
              {label}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
        <Menu.Divider />
        <Menu.Item component="a" href="/graphql" leftSection={<IconGraph size={18} stroke={1.75} aria-hidden />}>
          GraphQL playground
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={18} stroke={1.75} aria-hidden />} onClick={leave}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
