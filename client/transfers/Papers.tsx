import { Button } from '@mantine/core';
import { IconCertificate, IconFileText, IconTable } from '@tabler/icons-react';
import { Panel } from '../ui/Panel.tsx';
import classes from './Papers.module.css';
import type { TransferDetail } from './transfer.ts';

/** What one takes away from a transfer that has ended. */
export function Papers({ transfer }: { transfer: TransferDetail }) {
  const { reportCsv, reportLines, receipt } = transfer;
  if (reportCsv === null || reportLines === null || receipt === null) return null;
  return (
    <Panel title="Report and receipt">
      <div className={classes.papers}>
        <Paper url={reportCsv} icon={IconTable}>
          Report, CSV
        </Paper>
        <Paper url={reportLines} icon={IconFileText}>
          Report, JSON Lines
        </Paper>
        <Paper url={receipt} icon={IconCertificate}>
          Receipt
        </Paper>
        <p className={classes.note}>
          The report tells of every object. With the receipt, which is signed, anybody can check later that the JSON
          Lines are unchanged.
        </p>
      </div>
    </Panel>
  );
}

function Paper({ url, icon: Icon, children }: { url: string; icon: typeof IconTable; children: string }) {
  return (
    <Button
      component="a"
      // At the page's own host, whatever the address of the API: there is the session.
      href={new URL(url).pathname}
      download
      variant="default"
      justify="flex-start"
      leftSection={<Icon size={18} aria-hidden />}
    >
      {children}
    </Button>
  );
}
