import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** Where `npm run dev` finds the API; the same PORT that the API itself reads. */
const api = `http://localhost:${process.env.PORT ?? '4000'}`;

/** Writes each text file of the build in compressed forms beside it, which the API serves to browsers that take them. */
const precompressed: Plugin = {
  name: 'skyferry:precompressed',
  apply: 'build',
  // Once the files are as they stay: plugins of Vite's own change them until they are written.
  writeBundle({ dir = '' }, bundle) {
    for (const fileName of Object.keys(bundle).filter((name) => /\.(js|css|html)$/.test(name))) {
      const path = join(dir, fileName);
      const content = readFileSync(path);
      if (content.length < 1024) continue;
      writeFileSync(`${path}.br`, brotliCompressSync(content));
      writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
    }
  },
};

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react(), precompressed],
  // Of GraphQL exactly the API's path: below it lie modules of the app (client/graphql/).
  server: { proxy: { '^/graphql(\\?|$)': { target: api, ws: true }, '/downloads/': api, '/manifests': api } },
  build: {
    outDir: fileURLToPath(new URL('../dist/client', import.meta.url)),
    emptyOutDir: true,
    sourcemap: true,
    // The content security policy allows fonts and images of the own origin only, so nothing may become a data: address.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        // What changes rarely stays in the visitor's cache when the app changes.
        codeSplitting: {
          groups: [
            { name: 'react', test: /node_modules[\\/](react|react-dom|scheduler|wouter|regexparam)[\\/]/ },
            { name: 'mantine', test: /node_modules[\\/](@mantine|@floating-ui)[\\/]/ },
            { name: 'graphql', test: /node_modules[\\/](urql|@urql|@0no-co|gql\.tada|wonka|graphql-ws)[\\/]/ },
          ],
        },
      },
    },
  },
});
