// `npm run keys:new`: prints a fresh KEY_ENCRYPTION_KEY. Plain JavaScript for Node 20 or newer, no dependency.
import { randomBytes } from 'node:crypto';

const id = `k${new Date().toISOString().slice(0, 10).replaceAll('-', '')}-${randomBytes(2).toString('hex')}`;
console.log(`${id}:${randomBytes(32).toString('base64')}`);
