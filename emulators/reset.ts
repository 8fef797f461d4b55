import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Ends a connection with a TCP reset; one of TLS, whose socket is out of reach, without its farewell. */
export function resetSocket(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
