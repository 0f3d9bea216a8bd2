import { resolve } from 'node:path';
import { defineConfig } from 'vite';

const page = (name: string) => resolve(import.meta.dirname, 'src/web', `${name}.html`);

/** Builds the pages of src/web into dist/web, where the server finds them; `npm run build:web` calls it. */
export default defineConfig({
  root: resolve(import.meta.dirname, 'src/web'),
  // The server may be behind a path of a proxy.
  base: './',
  publicDir: false,
  build: {
    outDir: resolve(import.meta.dirname, 'dist/web'),
    emptyOutDir: true,
    target: 'es2023',
    // Inlined, a file would be a data: URL, which the pages' policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      input: [page('index'), page('driver'), page('rider')],
      // MapLibre GL is what it is: by itself it comes once, and stays in the browser's cache whatever becomes of the pages.
      output: { codeSplitting: { groups: [{ name: 'maplibre-gl', test: /\/node_modules\/maplibre-gl\// }] } },
      // How long plugins take is no news to whoever installs.
      checks: { pluginTimings: false },
    },
  },
  // JSX is Preact's.
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
});
