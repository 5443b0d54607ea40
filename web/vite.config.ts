import { fileURLToPath } from "node:url";
import VueI18n from "@intlify/unplugin-vue-i18n/vite";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// The page runs under a content security policy without inline scripts, inline styles, data: or eval:
// messages are compiled here, nothing is inlined, no polyfill is injected.
export default defineConfig({
  base: "/console/",
  resolve: { alias: { "@": at("./src") } },
  plugins: [vue(), VueI18n({ include: [at("./src/i18n/*.json")], strictMessage: false, escapeHtml: false, dropMessageCompiler: true })],
  define: { __VUE_PROD_DEVTOOLS__: false, __VUE_OPTIONS_API__: false, __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: false },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
    // few files: over HTTP/1.1 a browser fetches six at a time
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "chart", test: /node_modules[\\/](chart\.js|vue-chartjs|@kurkle)/, priority: 2 },
            { name: "vendor", test: /node_modules[\\/](?!chart\.js|vue-chartjs|@kurkle)/, priority: 3 },
            { name: "words-en", test: /src[\\/]i18n[\\/]en\.json/, priority: 4 },
            { name: "words-zh", test: /src[\\/]i18n[\\/](refusals\.)?zh\.json/, priority: 4 },
            { name: "app", test: /[\\/]src[\\/]/, priority: 1 },
          ],
        },
      },
    },
  },
  server: { proxy: { "/api": process.env["TOKENBOARD_URL"] ?? "http://127.0.0.1:8317" } },
});
