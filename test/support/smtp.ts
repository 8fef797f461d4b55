import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface TestSmtp {
  url: string;
  /** The next mail, headers and text, as it came over the wire. */
  nextMail(): Promise<string>;
  close(): Promise<void>;
}

/** A mail server that takes every mail and keeps it: as much of SMTP (RFC 5321) as a client needs to deliver one. */
export async function startTestSmtp(): Promise<TestSmtp> {
  const mails: string[] = [];
  const waiting: ((mail: string) => void)[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    let buffer = '';
    let body: string | null = null;
    socket.write('220 test\r\n');
    socket.on('data', (chunk) => {
      buffer += chunk.toString();
      for (let end = buffer.indexOf('\r\n'); end !== -1; end = buffer.indexOf('\r\n')) {
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        if (body !== null && line !== '.') {
          body += `${line}\n`;
        } else if (body !== null) {
          const taker = waiting.shift();
          if (taker) taker(body);
          else mails.push(body);
          body = null;
          socket.write('250 taken\r\n');
        } else if (line.toUpperCase() === 'DATA') {
          body = '';
          socket.write('354 go on\r\n');
        } else if (line.toUpperCase() === 'QUIT') {
          socket.end('221 bye\r\n');
        } else {
          socket.write('250 ok\r\n');
        }
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    nextMail: () => {
      const mail = mails.shift();
      return mail === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(mail);
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
