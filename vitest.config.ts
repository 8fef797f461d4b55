import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    // graphql ships two copies of itself. Node takes one for everybody; Vite would give our files the other, and errors
    // and types of the one are strangers to the other.
    alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }],
  },
  test: {
    include: ['{core,storage,queue,api,worker,client,emulators,test,bench,scripts}/**/*.test.{ts,tsx}'],
    globalSetup: ['test/support/global-setup.ts'],
    // For tests that hang. A busy machine must not fail one.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    // Continuous integration has one try on two shared cores: there, a test has failed when it failed three times.
    retry: process.env.CI ? 2 : 0,
    // The suites start real servers; two cores carry two files at a time.
    maxWorkers: 2,
  },
});
