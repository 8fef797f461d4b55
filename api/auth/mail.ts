import { createTransport } from 'nodemailer';
import type { Logger } from '../../core/log.ts';

export interface Mailer {
  /** Sends the link. Never rejects: failures are logged, because nobody may learn from them whether a user exists. */
  sendPasswordReset(user: { email: string; name: string }, link: string): Promise<void>;
  close(): void;
}

export function createMailer(smtpUrl: string, from: string, log: Logger): Mailer {
  const transport = createTransport({
    url: smtpUrl,
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 20_000,
  });
  return {
    async sendPasswordReset(user, link) {
      try {
        await transport.sendMail({
          from,
          to: { name: user.name, address: user.email },
          subject: 'Set a new password for Skyferry',
          text: [
            `Hello ${user.name},`,
            '',
            'somebody, hopefully you, asked for a new password for Skyferry. Set it here within one hour:',
            '',
            link,
            '',
            'If it was not you, ignore this mail; nothing has changed.',
            '',
          ].join('\n'),
        });
      } catch (error) {
        log.error({ err: error }, 'a password reset mail could not be sent');
      }
    },
    close: () => transport.close(),
  };
}
